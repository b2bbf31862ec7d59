/*
 * The names inside an attempt's directory that runner and shim agree on.  The bundle is a tmpfs of
 * mode 0700 in the shim's own mount namespace; what it covers is the work directory of the
 * container's root.  The other two hold the writable layers, on the disk that the attempt's
 * directory is on; where no overlay is mounted, the one of the root is views/root.
 */
#ifndef EXECUTOR_BUNDLE_H
#define EXECUTOR_BUNDLE_H

#define BUNDLE_DIR "bundle"
#define ROOTFS_DIR "rootfs" /* the upper layer of the container's root */
#define VIEWS_DIR  "views"  /* 0/upper, 0/work, 1/upper ... */

/* Inside the bundle. */
#define BUNDLE_CONFIG      "config.json"
#define BUNDLE_ROOTFS      "rootfs"
#define BUNDLE_STATE       "state" /* of the runtime: its --root */
#define BUNDLE_SCRIPT      "script"
#define BUNDLE_RESOLV_CONF "resolv.conf"
#define BUNDLE_HOSTS       "hosts"
#define BUNDLE_VIEW_FMT    "view%zu" /* counts the MOUNT_VIEWs of a request */
#define BUNDLE_TEXT_FMT    "text%zu" /* counts its MOUNT_TEXTs */

#define CGROUP_PARENT "/sluice"

#endif
