package shipper

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/flowferry/flowferry/mappings"
)

// holds says whether a cluster's answer to the GET of an object has all that the object says.
// The engines add to what they were given, write settings nested and scalars as strings; what
// they add does not count, but for mappings, which are compared both ways.
func holds(o mappings.Object, answer []byte) bool {
	var want, got any
	if json.Unmarshal(o.Body, &want) != nil || json.Unmarshal(answer, &got) != nil {
		return false
	}
	got = dig(got, o)
	return covers(normal(want), normal(got), false)
}

// dig finds the object in the answer that carries it.
//
//	{"component_templates":[{"name":…,"component_template":{…}}]}   and likewise index_template
//	{"<name>":{"version":1,"policy":{…}}}                           ilm
//	{"_id":…,"policy":{…}}                                          ism
func dig(answer any, o mappings.Object) any {
	m, _ := answer.(map[string]any)
	switch o.Kind {
	case "ilm":
		return m[o.Name]
	case "ism":
		return answer
	}
	list, _ := m[o.Kind+"s"].([]any)
	if len(list) != 1 {
		return nil
	}
	entry, _ := list[0].(map[string]any)
	return entry[o.Kind]
}

// normal writes dotted names nested, and scalars as strings.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			head, rest, dotted := strings.Cut(k, ".")
			n := normal(e)
			if dotted {
				n = normal(map[string]any{rest: e})
			}
			merge(out, head, n)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = normal(v[i])
		}
		return out
	}
	return fmt.Sprint(v)
}

func merge(into map[string]any, key string, v any) {
	old, isMap := into[key].(map[string]any)
	add, both := v.(map[string]any)
	if !isMap || !both {
		into[key] = v
		return
	}
	for k, e := range add {
		merge(old, k, e)
	}
}

// covers says whether got has all of want, and with exact nothing else.
func covers(want, got any, exact bool) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || exact && len(got) != len(want) {
			return false
		}
		for k, w := range want {
			if !covers(w, got[k], exact || k == "mappings") {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return false
		}
		for i := range want {
			if !covers(want[i], got[i], exact) {
				return false
			}
		}
		return true
	}
	return want == got
}
