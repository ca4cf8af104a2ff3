//go:build !amd64

package flow

// repeat makes all of recs copies of r.
func repeat(recs []Record, r *Record) { repeatPortable(recs, r) }
