/*
 * The configuration: YAML in $SLUICE_CONFIG, else /etc/sluice/config.yaml for root, else
 * $XDG_CONFIG_HOME/sluice/config.yaml, else ~/.config/sluice/config.yaml.
 *
 *	cache:
 *	  size: 20GiB          'sluice store gc' keeps trees below it
 *	docker:
 *	  host: tcp://big:2376 where Docker listens; else as the docker program finds it
 *	  ca: /etc/ssl/big.pem who vouches for it; cert and key are our own certificate's
 *	  transfer: mounts     it sees this machine's files; or copies: it does not.  Else it is
 *	                       taken to see them if it is spoken to by a socket
 *	executor: oci          as --executor
 *	gpus:
 *	  kind: nvidia.com/gpu which CDI devices are GPUs; else those of every class "gpu"
 *	  specs: /etc/cdi      where their specifications lie, directories joined by ':'
 *	inputs:
 *	  verify: true         what a job reads is hashed again before it starts
 *	instances:
 *	  C5: 4 8GiB           what an instance type has: cores, memory and GPUs, if any
 *	network: host          private, host or none, as --network
 *	public:
 *	  catalog: /srv/public.yaml   where public datasets lie; else the one that is built in
 *	storage:
 *	  path: /srv/team      the /storage of all jobs; else HOME/storage
 *	images:
 *	  host: true           a job's image may be `host`, this machine's own files
 *	  pull: missing        or always or never: when an image is asked for at its registry
 *	rootfs: overlay        or fuse-overlayfs or copy: how containers' roots are made; else the
 *	                       first of them that works
 *	registries:            see config_registries.h
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config_registries.h"
#include "base/error.h"
#include "base/map.h"

struct config {
	uint64_t cache_size; /* bytes; UINT64_MAX: no limit */
	bool verify_inputs, image_host;
	struct map instances; /* name -> text (char *) */
	char *docker_host;    /* or NULL, as what follows */
	char *docker_ca, *docker_cert, *docker_key;
	char *docker_transfer;        /* "mounts", "copies", or NULL */
	char *executor;               /* a name that may be none, or NULL */
	char *gpus_kind, *gpus_specs; /* or NULL */
	char *network;                /* "private", "host", "none", or NULL */
	char *public_catalog;         /* absolute, or NULL */
	char *storage_path;           /* absolute, or NULL */
	char *rootfs;                 /* "overlay", "fuse-overlayfs", "copy", or NULL */
	char *image_pull;             /* "always", "never", "missing", or NULL */
	struct config_registries registries;
};

/* Release what came out in any case.  No file is an empty one, unless $SLUICE_CONFIG names it. What
 * is wrong in it is SLUICE_INVALID, "PATH:LINE: ...". */
int config_load(struct config *ret_config, struct error *err) MUST_USE;

/* The same from text; `path` is for messages. */
int config_parse(const char *text, size_t len, const char *path, struct config *ret_config,
                 struct error *err) MUST_USE;

void config_release(struct config *config);

#endif
