package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"
)

//go:generate sh -c "go run . test config --reference > ../../flowferry.reference.yml"

// The configuration is described by the Config structs alone: the tags of their fields give the
// key (yaml), the default as YAML (default), and a sentence of help (help). From them come the
// reference file, the environment variables and the check for unknown keys.

// leaf is one setting of the configuration.
type leaf struct {
	path  []string // keys from the root
	field reflect.StructField
}

func (l leaf) key() string { return strings.Join(l.path, ".") }

// env is the environment variable that overrides the setting.
func (l leaf) env() string {
	return "FLOWFERRY_" + strings.ToUpper(strings.Join(l.path, "_"))
}

// walk calls fn for every section (leaf.field of a struct type) and setting of t, in order.
func walk(t reflect.Type, path []string, fn func(l leaf, section bool)) {
	for _, f := range reflect.VisibleFields(t) {
		key := f.Tag.Get("yaml")
		if key == ",squash" {
			walk(f.Type, path, fn)
		}
		if key == "" || key == "-" || key == ",squash" || len(f.Index) > 1 {
			continue
		}
		l := leaf{append(append([]string(nil), path...), key), f}
		section := f.Type.Kind() == reflect.Struct
		fn(l, section)
		if section {
			walk(f.Type, l.path, fn)
		}
	}
}

// leaves lists every setting of a configuration struct.
func leaves(t reflect.Type) (all []leaf) {
	walk(t, nil, func(l leaf, section bool) {
		if !section {
			all = append(all, l)
		}
	})
	return all
}

// writeReference writes every setting with its help, environment variable and default.
func writeReference(w io.Writer, t reflect.Type) error {
	p := &printer{w: w}
	p.printf("# Every setting of flowferry with its default. A file needs only what differs.\n")
	p.printf("# Each setting can also be given as the environment variable FLOWFERRY_<SECTION>_<SETTING>.\n")
	walk(t, nil, func(l leaf, section bool) {
		indent := strings.Repeat("  ", len(l.path)-1)
		key := l.path[len(l.path)-1]
		p.printf("\n")
		for _, line := range wrap(sentence(l.field.Tag.Get("help")), 96-len(indent)) {
			p.printf("%s# %s\n", indent, line)
		}
		if section {
			p.printf("%s%s:\n", indent, key)
			return
		}
		p.printf("%s%s: %s\n", indent, key, defaultText(l.field))
		writeElements(p, indent, l.field.Type)
	})
	return p.err
}

// writeElements tells, as comments, what an element of a list of structs holds.
func writeElements(p *printer, indent string, t reflect.Type) {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct {
		return
	}
	mark := "- "
	walk(t.Elem(), nil, func(l leaf, _ bool) {
		text := fmt.Sprintf("%s%s: %s", mark, l.key(), sentence(l.field.Tag.Get("help")))
		for i, line := range wrap(text, 92-len(indent)) {
			if i > 0 {
				line = "    " + line
			}
			p.printf("%s#   %s\n", indent, line)
		}
		mark = "  "
	})
}

// sentence begins text with a capital and ends it with a full stop.
func sentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") && !unicode.IsLower(rune(text[0])) {
		return text
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// defaultText is the default of a setting as YAML.
func defaultText(f reflect.StructField) string {
	if d, ok := f.Tag.Lookup("default"); ok && (d != "" || f.Type.Kind() == reflect.String) {
		if f.Type.Kind() == reflect.String {
			return quote(d)
		}
		return d
	}
	switch f.Type.Kind() {
	case reflect.String:
		return `""`
	case reflect.Slice:
		return "[]"
	case reflect.Map:
		return "{}"
	case reflect.Bool:
		return "false"
	}
	if f.Type == reflect.TypeFor[time.Duration]() {
		return "0s"
	}
	return "0"
}

// quote writes a string as YAML, in quotes only where it needs them.
func quote(s string) string {
	b, err := yaml.Marshal(s)
	if err != nil || s == "" {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSpace(string(b))
}

// wrap breaks text at spaces into lines of at most width characters.
func wrap(text string, width int) (lines []string) {
	line := ""
	for i, word := range strings.Fields(text) {
		if i == 0 { // what stands before the first word stays
			word = text[:len(text)-len(strings.TrimLeft(text, " "))] + word
		}
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// printer writes until the first error and keeps it.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
