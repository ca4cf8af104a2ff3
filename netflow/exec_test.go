package netflow

import (
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// Records decoded side by side are those that each alone gives, wherever a chunk ends, and a bad
// one costs none of those before it.
func TestChunks(t *testing.T) {
	f := func(name string, tmpl wire, one func(int) wire, n int, tail wire, want error) {
		t.Helper()
		d := NewDecoder(Config{})
		var each flow.Batch
		messages := []wire{ipfixMessage(0, 0, set(2, tmpl))}
		for i := range n {
			messages = append(messages, ipfixMessage(uint32(i), 0, set(256, one(i))))
		}
		for _, m := range messages {
			if err := d.Datagram(exporterAddr, 2055, m, received, &each); err != nil {
				t.Fatal(err)
			}
		}
		_, all := run(t, Config{}, want, messages[0], ipfixMessage(0, 0, set(256, records(n, one), tail)))
		if got, want := texts(all), texts(&each); !slices.Equal(got, want) || len(got) != n {
			t.Errorf("%s, %d records: got %d, alone %d: %q, alone %q", name, n, len(got), len(want), got, want)
		}
	}
	for _, n := range []int{1, chunk - 1, chunk, chunk + 1, 3 * chunk} {
		f("fixed", absolute(256), absoluteRecord, n, nil, nil)
		f("fixed, cut", absolute(256), absoluteRecord, n, absoluteRecord(0)[:40], nil)
		f("variable", named(256), namedRecord, n, nil, nil)
		f("variable, runs over", named(256), namedRecord, n, append(absoluteRecord(0), 2, 'a', 1, 'b', 255), ErrRecord)
	}
}
