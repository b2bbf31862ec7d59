#include "cli/help/facts.h"

#include <stddef.h>

const struct cli_fact facts_exit_status[] = {
	{ "0", "All jobs succeeded, or what was asked for was done." },
	{ "1", "A job failed." },
	{ "2", "The command line, the workflow or another input is wrong; nothing was run." },
	{ "3", "This machine lacks something; the message says what, and how to get it." },
	{ "4", "The machinery failed, such as a disk that is full." },
	{ "128+N", "Stopped by signal N." },
	{ NULL, NULL },
};

const struct cli_fact facts_environment[] = {
	{ "SLUICE_HOME",
	  "The home, the directory that holds everything. Without it, /var/lib/sluice "
	  "for root, else $XDG_DATA_HOME/sluice or ~/.local/share/sluice." },
	{ "SLUICE_CONFIG",
	  "The configuration file. Without it, /etc/sluice/config.yaml for root, else "
	  "$XDG_CONFIG_HOME/sluice/config.yaml or ~/.config/sluice/config.yaml." },
	{ "SLUICE_RUNTIME", "The OCI runtime, a name or a path, where --runtime gives none." },
	{ "SLUICE_SHIM",
	  "The program sluice-shim, if it lies neither beside sluice nor where it was "
	  "installed." },
	{ "PATH", "Where runtimes and git are looked for." },
	{ "REGISTRY_AUTH_FILE", "Logins to registries, and no other file is looked at." },
	{ "DOCKER_CONFIG",
	  "The directory of Docker's config.json, where docker login keeps its logins. Without "
	  "it, ~/.docker." },
	{ "DOCKER_HOST",
	  "The daemon that runs the jobs of --executor docker: unix://PATH or tcp://HOST:PORT." },
	{ "DOCKER_TLS_VERIFY", "If it is set, the daemon is spoken to by TLS." },
	{ "DOCKER_CERT_PATH",
	  "The directory of ca.pem, cert.pem and key.pem for that. Without it, DOCKER_CONFIG." },
	{ "DOCKER_CONTEXT",
	  "The docker context that names the daemon where DOCKER_HOST does not." },
	{ "AWS_ACCESS_KEY_ID",
	  "The access key of a new storage provider where --access-key names none, and with "
	  "which buckets of public datasets are read." },
	{ "AWS_SECRET_ACCESS_KEY", "Its secret." },
	{ "AWS_SESSION_TOKEN",
	  "The token that goes with keys of a session; no storage provider takes such keys." },
	{ "XDG_RUNTIME_DIR",
	  "Where podman login keeps its logins, in containers/auth.json, and where a user's "
	  "podman listens, at podman/podman.sock." },
	{ "XDG_DATA_HOME", "See SLUICE_HOME." },
	{ "XDG_CONFIG_HOME", "See SLUICE_CONFIG." },
	{ "HOME", "See SLUICE_HOME, SLUICE_CONFIG and DOCKER_CONFIG." },
	{ "NO_COLOR", "If it is set, nothing is printed in colour." },
	{ "TERM", "A terminal that is called dumb gets no colour either." },
	{ NULL, NULL },
};

const struct cli_fact facts_files[] = {
	{ "format", "The line that makes a directory a home." },
	{ "catalog.db", "An index in SQLite: datasets, versions, the history of runs." },
	{ "store/", "The bytes of datasets, and the small JSON records that make them exist." },
	{ "images/", "Container images, an OCI image layout." },
	{ "layers/", "Their layers, unpacked." },
	{ "runs/", "Logs and ends of jobs, and the outputs of those that run." },
	{ NULL, NULL },
};
