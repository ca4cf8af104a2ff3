package shipper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/flowferry/flowferry/dashboards"
	"github.com/flowferry/flowferry/mappings"
)

// Export writes all that Setup would put into a cluster of the flavour as files into dir, with a
// README.md that tells how to put them there by hand.
func Export(dir, flavour string) error {
	objects := mappings.Objects(flavour)
	saved, err := dashboards.Export(flavour)
	if err != nil || len(objects) == 0 {
		return fmt.Errorf("export: %q is neither %s nor %s", flavour, Elasticsearch, OpenSearch)
	}
	roles, err := Roles(flavour)
	if err != nil {
		return err
	}
	files := map[string][]byte{"dashboards.ndjson": saved, "roles.json": roles}
	var steps strings.Builder
	for i, o := range objects {
		name := fmt.Sprintf("%02d-%s-%s.json", i+1, strings.ReplaceAll(o.Kind, "_", "-"), o.Name)
		files[name] = o.Body
		maybe := ""
		if o.Optional {
			maybe = "  # where the cluster offers it"
		}
		fmt.Fprintf(&steps, "curl -fsS -X %s \"$URL%s\" -H 'Content-Type: application/json' --data-binary @%s%s\n", o.Method, o.Path, name, maybe)
	}
	for _, stream := range streams {
		fmt.Fprintf(&steps, "curl -fsS -X PUT \"$URL/_data_stream/%s\"\n", mappings.DataStream(stream, "default"))
	}
	files["README.md"] = []byte(exportText(flavour, steps.String()))
	return writeFiles(dir, files)
}

func exportText(flavour, steps string) string {
	front, xsrf, role := "Kibana", "kbn-xsrf", "/_security/role/"
	if flavour == OpenSearch {
		front, xsrf, role = "OpenSearch Dashboards", "osd-xsrf", "/_plugins/_security/api/roles/"
	}
	return fmt.Sprintf(`# Flowferry in %[1]s, by hand

`+"`flowferry setup`"+` does all this by itself. Without it, in this folder, with URL the cluster's and FRONT %[2]s's URL
(add -u user, -H 'Authorization: ApiKey …' or --cacert as your cluster needs it):

`+"```sh\n%[3]s```"+`

The data streams are those of the namespace default; for another, change the last part of their names.

Dashboards:

`+"```sh\ncurl -fsS -X POST \"$FRONT/api/saved_objects/_import?overwrite=true\" -H '%[4]s: true' --form file=@dashboards.ndjson\n```"+`

Roles: each member of roles.json is the body of a PUT to %[5]s<name>.
`, flavour, front, steps, xsrf, role)
}

func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("export: %w", err)
		}
	}
	return nil
}
