package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/stitch"
)

func TestWriteExporters(t *testing.T) {
	a, b := flow.MustAddr("192.0.2.1"), flow.MustAddr("192.0.2.2")
	pairs := pairViews([]stitch.Pair{{Kept: a, Repeated: b, Records: 1200, Packets: 3400, Bytes: 560000}, {Kept: a, Records: 1}, {Other: true, Records: 7}})
	f := func(pairs []pairView, format string, duplicates bool, want string) {
		t.Helper()
		var out strings.Builder
		if err := writeExporters(&out, nil, pairs, format, duplicates); err != nil || out.String() != want {
			t.Errorf("%v:\n%s\nwant\n%s", err, out.String(), want)
		}
	}
	const table = `counted from  also reported by  records  packets    bytes
192.0.2.1            192.0.2.2    1,200    3,400  560,000
192.0.2.1                    -        1        0        0
others                  others        7        0        0
`
	f(pairs, "table", false, "no exporters\n\nduplicates:\n"+table)
	f(pairs, "table", true, table)
	f(nil, "table", true, "no duplicates\n")
	f(nil, "table", false, "no exporters\n")
	f(nil, "json", true, "[]\n")
	f(pairs[1:2], "json", true, `[
  {
    "kept": "192.0.2.1",
    "repeated": "-",
    "records": 1,
    "packets": 0,
    "bytes": 0
  }
]
`)
}

// The duplicates of an import are in its documents, and add up to those of the account.
func TestDuplicatesOfImport(t *testing.T) {
	dir := t.TempDir()
	out := must(t, "import", "--store", dir, madeExports, filepath.Join(testdata, "export", "logstash", "netflow9_test_cisco_asa_1_data.dat"))
	var views []pairView
	if err := json.Unmarshal([]byte(must(t, "exporters", "--store", dir, "--duplicates", "-o", "json")), &views); err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for _, v := range views {
		sum += v.Records
	}
	m := regexp.MustCompile(`([0-9,]+) +duplicates merged`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no duplicates in\n%s", out)
	}
	if n, err := strconv.ParseUint(strings.ReplaceAll(m[1], ",", ""), 10, 64); err != nil || n != sum || n == 0 {
		t.Errorf("%d duplicates in the account, %d by pair: %v\n%s", n, sum, err, out)
	}
}
