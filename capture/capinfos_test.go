package capture

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// capinfosDiffers are captures with a packet of which more was captured than its length on the
// wire: we take the former for both, capinfos believes the latter. Of links.pcapng it leaves out a byte that tells the
// direction of a packet of PPP.
var capinfosDiffers = []string{"links.pcapng", "slip-compressed_sl_print-oobr.pcap", "slip-sliplink_print-oobr.pcap"}

// Packets of a file and their bytes on the wire are those that Wireshark's capinfos reads, in all
// captures that it reads to the end.
func TestCapinfos(t *testing.T) {
	if _, err := exec.LookPath("capinfos"); err != nil {
		t.Skip("capinfos is not installed")
	}
	captures := committed(t)
	args := slices.Concat([]string{"-T", "-m", "-r", "-c", "-d", "-K"}, captures)
	out, err := exec.Command("capinfos", args...).Output() // it fails when there is one that it can not read
	if len(out) == 0 {
		t.Fatal(err)
	}
	same := 0
	for line := range strings.Lines(string(out)) {
		path, theirs, _ := strings.Cut(strings.TrimSpace(line), ",")
		packets, _ := readAll(t, path)
		wire := 0
		for i := range packets {
			wire += packets[i].Wire
		}
		if ours := fmt.Sprintf("%d,%d", len(packets), wire); (ours == theirs) != slices.Contains(capinfosDiffers, filepath.Base(path)) {
			same++
		} else {
			t.Errorf("%s: %s packets and bytes, capinfos %s", path, ours, theirs)
		}
	}
	t.Logf("%d of %d captures", same, len(captures))
	if same < 400 {
		t.Errorf("only %d captures are the same", same)
	}
}
