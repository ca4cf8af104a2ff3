package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/flowferry/flowferry/internal/fuzztest"
)

const awsTable = "../testdata/cloud/aws-v3-21.parquet" // three row groups of another program's making

// readTable gives the rows of a file, cells joined by commas and "" for no value.
func readTable(path string) (columns string, rows []string, err error) {
	t, err := OpenTable(path)
	if err != nil {
		return "", nil, err
	}
	for cells, e := range t.Rows() {
		if e != nil {
			err = e
			break
		}
		rows = append(rows, string(bytes.Join(cells, []byte(","))))
	}
	if done, total := t.Progress(); err == nil && done != total {
		return "", rows, os.ErrInvalid
	}
	return strings.Join(t.Columns(), ","), rows, err
}

func TestTable(t *testing.T) {
	columns, rows, err := readTable(awsTable)
	if err != nil || len(rows) != 8 || !strings.HasPrefix(columns, "version,vpc_id,subnet_id,instance_id") {
		t.Fatalf("%v, %d rows of %s", err, len(rows), columns)
	}
	if want := "3,vpc-abcdefab012345678,subnet-aaaaaaaa012345678,i-01234567890123456,eni-1235b8ca123456789,123456789010,IPv4," +
		"10.0.0.62,52.213.180.42,5001,43638,10.0.0.62,52.213.180.42,6,967,14,1566933133,1566933193,ACCEPT,19,OK"; rows[7] != want {
		t.Errorf("got  %s\nwant %s", rows[7], want)
	}
	type inner struct {
		Name string `parquet:"name,optional"`
	}
	type row struct {
		Flag   bool     `parquet:"flag"`
		Small  int32    `parquet:"small"`
		Real   float64  `parquet:"real"`
		Single float32  `parquet:"single"`
		Maybe  *int64   `parquet:"maybe,optional"`
		List   []string `parquet:"list"`
		In     inner    `parquet:"in"`
	}
	n := int64(-5)
	path := filepath.Join(t.TempDir(), "rows")
	if err := parquet.WriteFile(path, []row{{true, -1, 2.5, 0.25, &n, []string{"a", "b"}, inner{"x"}}, {}}); err != nil {
		t.Fatal(err)
	}
	columns, rows, err = readTable(path)
	if want := "true,-1,2.5,0.25,-5,a,x false,0,0,0,,,"; err != nil || columns != "flag,small,real,single,maybe,list,in.name" || strings.Join(rows, " ") != want {
		t.Errorf("%v, %s: got %q, want %q", err, columns, rows, want)
	}
}

func TestTableErrors(t *testing.T) {
	whole, err := os.ReadFile(awsTable)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(path, whole[:len(whole)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTable(path); err == nil || !strings.Contains(err.Error(), "read "+path+": cut off or no Parquet file") {
		t.Errorf("cut off: %v", err)
	}
	if _, err := OpenTable(path + "-none"); !os.IsNotExist(unwrap(err)) {
		t.Errorf("missing: %v", err)
	}
	if !IsParquet(whole) || IsParquet([]byte("PAR")) || IsParquet([]byte("package")) {
		t.Error("IsParquet is wrong")
	}
}

func unwrap(err error) error {
	for u, ok := err.(interface{ Unwrap() error }); ok; u, ok = err.(interface{ Unwrap() error }) {
		err = u.Unwrap()
	}
	return err
}

// A broken table gives an error, soon, and never panics.
func FuzzTable(f *testing.F) {
	for _, path := range []string{awsTable, "../testdata/cloud/aws-v5-29.parquet"} {
		whole, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(whole)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		path := filepath.Join(dir, "table")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, _, _ = readTable(path) // whatever it is
		if took := time.Since(begin); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}
