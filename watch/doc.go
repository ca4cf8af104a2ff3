// Package watch gives the files of directories, each once and only when it is complete, and
// remembers over a restart which were read.
//
// A file is complete
//
//   - when a program of this machine has closed it, or moved it into place (Linux: inotify);
//   - else when it has not changed for Config.Settle.
//
// It is not while a program of this machine has it open for writing, as far as the kernel tells:
// it does of files that are our own, or all with CAP_LEASE. Empty files and hidden ones, whose
// names begin with a dot, are never given.
//
// Next gives a file; Done, Failed or neither says what became of it. A file that is neither done
// nor failed is given again. What is known of a file is its identity (size, time of change, inode,
// mode) and its digest; a file of another identity is a new one, which its reader may know again
// by the digest. Files that are no longer there are forgotten.
//
// The package never reads a file itself.
package watch
