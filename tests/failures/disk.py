"""A file system that does what its control file says: for disks that are slow, refuse, or hang.

    python3 disk.py FOLDER MOUNTPOINT CONTROL

Whatever is in FOLDER is seen at MOUNTPOINT. CONTROL is read at each call that waits for the disk
(fsync and fdatasync): `well`, `fail` (EIO), or `slow SECONDS`. It ends when MOUNTPOINT is unmounted.
Calls that only write go through to FOLDER, as they go to the page cache of a disk.

Over libfuse 2 by fusepy: apt install fuse libfuse2 python3-fusepy, or pip install fusepy.
"""

import errno
import os
import sys
import time

try:
    import fuse
except ImportError:
    import fusepy as fuse  # as Debian calls it


class Disk(fuse.Operations):
    def __init__(self, folder, control):
        self.folder, self.control = folder, control

    def path(self, path):
        return os.path.join(self.folder, path.lstrip("/"))

    def wait(self):
        """What the disk does with what is written."""
        with open(self.control) as file:
            words = file.read().split()
        if words[0] == "fail":
            raise fuse.FuseOSError(errno.EIO)
        if words[0] == "slow":
            time.sleep(float(words[1]))

    def access(self, path, mode):
        if not os.access(self.path(path), mode):
            raise fuse.FuseOSError(errno.EACCES)

    def getattr(self, path, fh=None):
        stat = os.lstat(self.path(path))
        names = "st_atime st_ctime st_mtime st_gid st_mode st_nlink st_size st_uid st_blocks".split()
        return {name: getattr(stat, name) for name in names}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.path(path))]

    def statfs(self, path):
        stat = os.statvfs(self.path(path))
        names = "f_bavail f_bfree f_blocks f_bsize f_favail f_ffree f_files f_flag f_frsize f_namemax"
        return {name: getattr(stat, name) for name in names.split()}

    def chmod(self, path, mode):
        os.chmod(self.path(path), mode)

    def chown(self, path, uid, gid):
        os.chown(self.path(path), uid, gid)

    def mkdir(self, path, mode):
        os.mkdir(self.path(path), mode)

    def rmdir(self, path):
        os.rmdir(self.path(path))

    def unlink(self, path):
        os.unlink(self.path(path))

    def rename(self, old, new):
        os.rename(self.path(old), self.path(new))

    def utimens(self, path, times=None):
        os.utime(self.path(path), times)

    def open(self, path, flags):
        # The kernel places what is appended.
        return os.open(self.path(path), flags & ~os.O_APPEND)

    def create(self, path, mode, fi=None):
        return os.open(self.path(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path, length, offset, fh):
        return os.pread(fh, length, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(self.path(path) if fh is None else fh, length)

    def flush(self, path, fh):
        return 0

    def release(self, path, fh):
        os.close(fh)

    def fsync(self, path, datasync, fh):
        self.wait()
        os.fdatasync(fh)

    def fsyncdir(self, path, datasync, fh):
        self.wait()


if __name__ == "__main__":
    folder, mountpoint, control = sys.argv[1:]
    fuse.FUSE(Disk(folder, control), mountpoint, foreground=True)
