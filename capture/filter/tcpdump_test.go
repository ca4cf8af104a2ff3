package filter_test

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/capture/filter"
)

// Every filter selects from each capture the packets that tcpdump selects.
func TestTcpdump(t *testing.T) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	every := map[string]int{"../../testdata/pcap": 37} // each file meets every 37th filter
	shared := filepath.Join(cmp.Or(os.Getenv("FLOWFERRY_SHARED_DATA"), "../../../shared/data"), "pcaps")
	if _, err := os.Stat(shared); err == nil && !testing.Short() {
		every[shared] = 331
	}
	files, compared, selected := 0, 0, 0
	for dir, nth := range every {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			packets := packetsOf(path)
			if err != nil || len(packets) == 0 {
				return err
			}
			files++
			for i, text := range filter.Expressions {
				if (files+i)%nth != 0 {
					continue
				}
				if n, ok := compare(t, tcpdump, path, packets, text); ok {
					compared++
					selected += n
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if compared < 500 || selected < 1000 {
		t.Errorf("only %d comparisons, %d packets selected", compared, selected)
	}
	t.Logf("%d comparisons, %d packets selected", compared, selected)
}

// one is a packet that outlives its file.
type one struct {
	data []byte
	wire int
	link uint32
}

// packetsOf gives the packets of a capture that is whole and of one link type.
func packetsOf(path string) (packets []one) {
	if head, err := os.ReadFile(path); err != nil || !capture.IsCapture(head) {
		return nil
	}
	f, err := capture.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	for {
		p, err := f.Next()
		switch {
		case err == io.EOF:
			return packets
		case err != nil || len(packets) > 0 && p.Link != packets[0].link:
			return nil
		case len(packets) == 5000:
			return nil // long ones teach no more
		}
		packets = append(packets, one{bytes.Clone(p.Data), p.Wire, p.Link})
	}
}

// compare says how many packets both selected; ok is false where there is nothing to compare,
// because tcpdump refuses the file or both refuse the filter.
func compare(t *testing.T, tcpdump, path string, packets []one, text string) (n int, ok bool) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.pcap")
	run := exec.Command(tcpdump, "-r", path, "-w", out, text)
	var stderr strings.Builder
	run.Stderr = &stderr
	theirErr := run.Run()
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	program, err := f.Compile(packets[0].link)
	if err != nil || theirErr != nil {
		var exit *exec.ExitError
		if theirErr != nil && !errors.As(theirErr, &exit) {
			t.Fatal(theirErr)
		}
		return 0, false
	}
	var ours, theirs [][]byte
	for _, p := range packets {
		if program.Match(p.data, p.wire) {
			ours = append(ours, p.data)
		}
	}
	for _, p := range packetsOf(out) {
		theirs = append(theirs, p.data)
	}
	if len(ours) != len(theirs) {
		t.Errorf("%s: %q: %d packets selected, tcpdump %d (link type %d)", path, text, len(ours), len(theirs), packets[0].link)
		return 0, true
	}
	for i := range ours {
		if !bytes.HasPrefix(ours[i], theirs[i]) { // tcpdump cuts what is longer than the file's snaplen
			t.Errorf("%s: %q: packet %d of those selected differs", path, text, i+1)
			break
		}
	}
	return len(ours), true
}
