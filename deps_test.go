package flowferry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/flowferry/flowferry/"

// mayImport says which packages of ours and which third-party modules each package may import.
// A package that is not listed may import nothing but the standard library. Tests are free.
var mayImport = map[string][]string{
	"flow":        {"github.com/cespare/xxhash/v2", "golang.org/x/sys"},
	"ecs":         {"flow"},
	"ecs/ecstest": {"flow"},
	"packet":      {"flow", "github.com/google/gopacket"},
	"netflow":     {"flow", "packet", "internal/statefile", "internal/unzip", "capture/app", "github.com/calmh/ipfix", "github.com/cespare/xxhash/v2", "golang.org/x/sys"},
	"capture": {"flow", "packet", "capture/app", "capture/filter", "internal/huge", "github.com/klauspost/compress", "github.com/google/gopacket",
		"golang.org/x/net", "golang.org/x/sys"},
	"capture/filter":      {"flow", "packet", "golang.org/x/net"},
	"capture/app":         {"flow"},
	"internal/golden":     {"flow", "golang.org/x/tools"},
	"internal/huge":       {"golang.org/x/sys"},
	"internal/unzip":      {"github.com/klauspost/compress"},
	"flowfiles":           {"flow", "internal/unzip", "github.com/klauspost/compress", "github.com/pierrec/lz4/v4"},
	"watch":               {"flow", "internal/statefile", "golang.org/x/sys"},
	"stitch":              {"flow", "internal/huge", "internal/statefile", "github.com/cespare/xxhash/v2"},
	"enrich":              {"flow", "github.com/oschwald/geoip2-golang/v2", "github.com/oschwald/maxminddb-golang/v2", "github.com/gaissmai/bart"},
	"pdns":                {"flow"},
	"mappings":            {},
	"dashboards":          {"ecs"},
	"shipper":             {"flow", "ecs", "mappings", "dashboards", "github.com/elastic/go-elasticsearch/v8", "github.com/klauspost/compress"},
	"metrics":             {"flow", "ecs", "netflow", "stitch"},
	"shipper/enginetest":  {},
	"shipper/shippertest": {},
	"store":               {"flow", "ecs", "github.com/parquet-go/parquet-go"},
	"store/storetest":     {"flow"},
	"hunt":                {"flow", "ecs", "store"},
	"cmd/flowferry": {"flow", "ecs", "netflow", "capture", "flowfiles", "stitch", "enrich", "pdns", "shipper", "store", "hunt", "mappings", "metrics", "watch", "internal/lategc",
		"github.com/spf13/cobra", "github.com/spf13/viper", "github.com/go-viper/mapstructure/v2",
		"github.com/schollz/progressbar/v3", "golang.org/x/term", "gopkg.in/yaml.v3"},
}

// TestImports fails on an import that the table does not allow, and on a row that nobody needs.
func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if p.Name == "main" && name != "cmd/flowferry" {
			continue // generators
		}
		allowed := mayImport[name]
		used := map[string]bool{}
		for _, imp := range p.Imports {
			own := strings.TrimPrefix(imp, module)
			if !strings.Contains(strings.Split(imp, "/")[0], ".") {
				continue // standard library
			}
			i := slices.IndexFunc(allowed, func(a string) bool {
				return own == a || strings.Contains(a, ".") && (imp == a || strings.HasPrefix(imp, a+"/"))
			})
			if i < 0 {
				t.Errorf("%s may not import %s", name, own)
				continue
			}
			used[allowed[i]] = true
		}
		for _, a := range allowed {
			if !used[a] {
				t.Errorf("%s is allowed to import %s and does not: remove it from the table", name, a)
			}
		}
	}
}

type goPackage struct {
	ImportPath, Name string
	Imports          []string
}

func listPackages(t *testing.T) (all []goPackage) {
	cmd := exec.Command("go", "list", "-pgo=off", "-json=ImportPath,Name,Imports", "./...") // a profile would give names of variants
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(all) < 10 {
				t.Fatalf("only %d packages were found", len(all))
			}
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
