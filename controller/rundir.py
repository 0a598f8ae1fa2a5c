"""The directory with the run-time files: sockets, HAProxy's configuration, the instances' settings."""

import grp
import os

from controller.site import Site


def prepare_run_dir(site: Site) -> None:
    """Make the run directory: HAProxy's workers may pass through it to the log socket, only root may do more."""
    site.admin_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(site.run_dir, 0, grp.getgrnam("haproxy").gr_gid)
    site.run_dir.chmod(0o710)


def remove_run_dir(site: Site) -> bool:
    """Remove the run-time files; tells whether there were any."""
    found = site.run_dir.exists()
    for path in sorted(site.run_dir.rglob("*"), reverse=True) if found else []:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    if found:
        site.run_dir.rmdir()
    return found
