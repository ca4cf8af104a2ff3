package shipper

import (
	"encoding/json"
	"fmt"
	"slices"
)

type object map[string]any

// patterns are those of the data streams.
var patterns = []string{"logs-flowferry.*", "metrics-flowferry.*"}

// Roles gives, as JSON, the roles that Flowferry needs, by name: flowferry_writer for run and
// import, flowferry_reader for queries, flowferry_setup for setup. Each is the body of
// PUT /_security/role/<name>, in OpenSearch of PUT /_plugins/_security/api/roles/<name>.
func Roles(flavour string) ([]byte, error) {
	var roles object
	switch flavour {
	case Elasticsearch:
		roles = object{
			"flowferry_writer": elasticRole([]string{"monitor"}, []string{"auto_configure", "create_doc"}),
			"flowferry_reader": elasticRole([]string{"monitor"}, []string{"read", "view_index_metadata"}),
			"flowferry_setup":  elasticRole([]string{"monitor", "manage_index_templates", "manage_ilm"}, []string{"manage"}),
		}
	case OpenSearch:
		write := []string{"indices:data/write/index", "indices:data/write/bulk*", "indices:admin/mapping/put",
			"indices:admin/data_stream/get", "indices:admin/data_stream/create", "indices:admin/auto_create"}
		roles = object{
			"flowferry_writer": openRole([]string{"cluster:monitor/main", "indices:data/write/bulk"}, write),
			"flowferry_reader": openRole([]string{"cluster:monitor/main"}, []string{"read", "indices:admin/get", "indices:admin/data_stream/get"}),
			"flowferry_setup": openRole([]string{"cluster:monitor/main", "manage_index_templates_all", "cluster:admin/component_template/*",
				"cluster:admin/opendistro/ism/*"}, []string{"manage_data_streams", "indices_all"}),
		}
	default:
		return nil, fmt.Errorf("roles: %q is neither %s nor %s", flavour, Elasticsearch, OpenSearch)
	}
	text, err := json.MarshalIndent(roles, "", "  ")
	return append(text, '\n'), err
}

func elasticRole(cluster, indices []string) object {
	return object{"cluster": cluster, "indices": []object{{"names": patterns, "privileges": indices}}}
}

// openRole names the backing indices too: the security plugin does not derive them.
func openRole(cluster, actions []string) object {
	return object{"cluster_permissions": cluster, "index_permissions": []object{{
		"index_patterns": append(slices.Clone(patterns), ".ds-logs-flowferry.*", ".ds-metrics-flowferry.*"), "allowed_actions": actions}}}
}
