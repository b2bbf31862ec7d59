#!/usr/bin/env python3
"""outside.py: what lies outside of a machine, as far as the tests of private networks need it.

	outside.py tcp ADDRESS PORT TEXT      says TEXT to whoever connects
	outside.py abstract NAME TEXT         the same at an abstract Unix socket
	outside.py dns ADDRESS ANSWER         answers every question for an address with ANSWER
"""
import socket
import sys


def tell(server, text):
    server.listen(16)
    while True:
        client, _ = server.accept()
        client.sendall(text.encode() + b"\n")
        client.close()


def tcp(address, port, text):
    server = socket.socket(socket.AF_INET)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, int(port)))
    tell(server, text)


def abstract(name, text):
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0" + name)
    tell(server, text)


def dns(address, answer):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        query, client = server.recvfrom(4096)
        end = query.index(b"\0", 12) + 5  # behind the name, its type and class
        question = query[12:end]
        is_a = question[-4:-2] == b"\0\1"
        reply = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0" + question
        if is_a:
            reply += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(answer)
        server.sendto(reply, client)


{"tcp": tcp, "abstract": abstract, "dns": dns}[sys.argv[1]](*sys.argv[2:])
