// Package store is the embedded local store: no server, but a directory of Parquet files, one
// column per field of the documents, that DuckDB, Spark, pandas and Athena read as they are.
//
//	<dir>/<stream>/date=2026-11-21/hour=08/<name>-<seq>.parquet
//
// A file holds records of one stream whose @timestamp lies within one UTC hour, as one row
// group of zstd pages. A column that no record of the file has is not in the file. Keywords and
// addresses are UTF-8 strings with a dictionary, dates are timestamps in microseconds, fields
// with several values are lists, a geo point is two columns, a flattened field is JSON text.
//
// A Writer gathers records column by column, encodes a file in memory and puts it in place
// whole: temporary file, fsync, rename, fsync of the directory. A reader never sees half a
// file. Scan reads only the hours, row groups and columns that are asked for, and hands out
// dictionary and indexes apart, so that a hunt looks at each distinct value once.
//
// Documents that are of no flow, those of exporters, have no columns: they stand beside as NDJSON
// (ready.go).
//
// The package never deletes what it has put in place, except that an import with Replace takes
// the place of the files of the same import. It does not merge small files.
package store

// SchemaVersion is the version of the layout of columns, kept in each file's metadata under
// "flowferry.schema". Reading does not depend on it: columns are found by name and type.
const SchemaVersion = "1"

const (
	timeColumn = "@timestamp"
	listSuffix = ".list.element"
	latSuffix  = ".lat" // of a geo point's two columns
	lonSuffix  = ".lon"
)
