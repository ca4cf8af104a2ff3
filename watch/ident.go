package watch

import "io/fs"

// ident tells whether a file is the one that was seen before, without reading it.
type ident struct {
	Size  int64  `json:"size"`            // bytes
	MTime int64  `json:"mtime"`           // Unix ns
	Inode uint64 `json:"inode,omitempty"` // 0 where the system has none
	Mode  uint32 `json:"mode"`            // permission bits: a file that could not be read may now be
}

func identOf(info fs.FileInfo) ident {
	return ident{Size: info.Size(), MTime: info.ModTime().UnixNano(), Inode: inodeOf(info), Mode: uint32(info.Mode().Perm())}
}
