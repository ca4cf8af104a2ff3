package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const exporterDocs = "../../docs/exporters"

// exporterPages reads the pages of docs/exporters, the index apart.
func exporterPages(t *testing.T) (index string, pages map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(exporterDocs, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(file)] = string(text)
	}
	index = pages["README.md"]
	delete(pages, "README.md")
	if index == "" || len(pages) < 20 {
		t.Fatalf("%d pages and an index of %d bytes, want 20 pages and one", len(pages), len(index))
	}
	return index, pages
}

// Every page is in the index, says how to check what it tells, and from where it has it. Links
// lead to files that are there.
func TestExporterPages(t *testing.T) {
	index, pages := exporterPages(t)
	for name, text := range pages {
		if !strings.Contains(index, "]("+name+")") {
			t.Errorf("%s is not in the index", name)
		}
		for _, part := range []string{"\n## Check\n", "\n## Sources\n", "\nflowferry "} {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %q", name, strings.TrimSpace(part))
			}
		}
	}
	link := regexp.MustCompile(`\]\(([^)#]+)`)
	pages["README.md"] = index
	for name, text := range pages {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(exporterDocs, m[1])); err != nil && !strings.Contains(m[1], "://") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// blocks gives the code blocks of a language in a page, without their indent.
func blocks(text, language string) (out []string) {
	fence := regexp.MustCompile("(?ms)^( *)```" + language + "\n(.*?)^ *```$")
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		lines := strings.Split(m[2], "\n")
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], m[1])
		}
		out = append(out, strings.Join(lines, "\n"))
	}
	return out
}

// The settings in the pages exist and are valid.
func TestExporterPagesSettings(t *testing.T) {
	index, pages := exporterPages(t)
	pages["README.md"] = index
	n := 0
	for name, text := range pages {
		for _, block := range blocks(text, "yaml") {
			n++
			file := filepath.Join(t.TempDir(), "flowferry.yml")
			if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := loadConfig(file); err != nil {
				t.Errorf("%s: %v in\n%s", name, err, block)
			}
		}
	}
	if n < 8 {
		t.Errorf("%d blocks of settings found, want at least 8", n)
	}
}

// standIns are files of ours for those that the pages name.
var standIns = map[string]string{
	"export.pcap":    "pcap/made/exports.pcap",
	"vpc.log.gz":     "cloud/aws-v2.log.gz",
	"PT1H.json":      "cloud/azure-nsg-v2.json",
	"vpc_flows.json": "cloud/gcp.jsonl",
}

// The commands in the pages are commands of ours, with flags that exist; those that only read a
// file do so, of a file of the same kind.
func TestExporterPagesCommands(t *testing.T) {
	index, pages := exporterPages(t)
	pages["README.md"] = index
	checked, run := 0, 0
	for name, text := range pages {
		for _, line := range strings.Split(strings.Join(blocks(text, "sh"), "\n"), "\n") {
			args := words(line)
			if len(args) == 0 {
				continue
			}
			cmd, rest, err := newRoot().Find(args)
			if err != nil || cmd.ParseFlags(rest) != nil {
				t.Errorf("%s: %s: no such command or flag", name, line)
				continue
			}
			checked++
			known := cmd.Name() == "read" || cmd.Name() == "exporters" && cmd.Flags().NArg() > 0
			for _, file := range cmd.Flags().Args() {
				known = known && standIns[file] != ""
			}
			if !known {
				continue
			}
			for i := range args {
				if file := standIns[args[i]]; file != "" {
					args[i] = filepath.Join(testdata, file)
				}
			}
			run++
			if _, stderr, code := flowferry(t, args...); code != exitOK {
				t.Errorf("%s: %s: exit code %d: %s", name, line, code, stderr)
			}
		}
	}
	t.Logf("%d commands, %d of them run", checked, run)
	if checked < 40 || run < 30 {
		t.Errorf("%d commands checked and %d run, want at least 40 and 30", checked, run)
	}
}

// words gives the arguments of flowferry in a line of shell, behind a pipe too; none where it is
// not called.
func words(line string) []string {
	_, call, ok := strings.Cut("| "+line, "| flowferry ")
	if !ok {
		return nil
	}
	var out []string
	for _, m := range regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`).FindAllString(call, -1) {
		if m == "#" || m == "|" {
			break
		}
		out = append(out, strings.Trim(m, `'"`))
	}
	return out
}
