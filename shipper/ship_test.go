package shipper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/shipper/shippertest"
)

// ready makes n documents with running numbers from first.
func ready(first, n int) (docs []ecs.Document) {
	for i := range n {
		docs = append(docs, ecs.Document{Time: 1e18, ID: idOf(first + i), Text: fmt.Appendf(nil, `{"event":{"sequence":%d}}`, first+i)})
	}
	return docs
}

func (r *rig) ship(t testing.TB, first, n int) {
	t.Helper()
	if err := r.Ship(t.Context(), ready(first, n)); err != nil {
		t.Error(err)
	}
}

// Documents that are ready go to the data stream of exporters, as they are; those of flows beside
// them to theirs, though the ids are the same. A second shipment adds nothing.
func TestShip(t *testing.T) {
	c := &shippertest.Cluster{}
	for i := range 2 {
		r := newRig(t, c, Config{Namespace: "prod"})
		r.put(t, 1, 5)
		r.ship(t, 1, 1000)
		r.ship(t, 1, 0)
		r.close(t)
		docs := c.Docs()
		if got := docs["metrics-flowferry.exporter-prod/"+idOf(1000)]; got != `{"event":{"sequence":1000}}` || len(docs) != 1005 {
			t.Errorf("%d documents, the last %q", len(docs), got)
		}
		r.want(t, []string{"documents_in=1005 indexed=1005", "documents_in=1005 already_there=1005"}[i])
	}
}

// Faults of the cluster cost no document, and a lost answer doubles none.
func TestShipThroughFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shippertest.Cluster{Next: script(shippertest.Fault{Status: 503}, shippertest.Fault{Apply: true, Reset: true}, shippertest.Fault{Status: 429})}
		r := newRig(t, c, Config{BatchBytes: 2000})
		r.ship(t, 1, 300)
		r.close(t)
		if n := len(c.Docs()); n != 300 {
			t.Errorf("%d documents, want 300", n)
		}
		if got := r.stat("indexed") + r.stat("already_there"); got != 300 || r.stat("documents_in") != 300 {
			t.Errorf("%v", r.Stats())
		}
	})
}

// Each document that is lost is lost by name: for want of room, and when the time is up.
func TestShipLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shippertest.Cluster{Next: script(shippertest.Fault{Delay: 30 * time.Second})}
		r := newRig(t, c, Config{QueueBytes: 1000, Workers: 1})
		for i := range 10 {
			r.ship(t, 1+100*i, 100)
			time.Sleep(2 * time.Second)
		}
		r.close(t)
		r.want(t, "documents_in=1000 indexed=100 queue_drops=900")

		c = &shippertest.Cluster{Next: script(shippertest.Fault{Delay: 30 * time.Second})}
		r = newRig(t, c, Config{QueueBytes: 1000, Workers: 1, Block: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Ship(ctx, ready(1, 1000)); err == nil {
			t.Error("no error")
		}
		if err := r.Close(t.Context()); err == nil {
			t.Error("unsent documents are not told of")
		}
		r.want(t, "documents_in=1000 indexed=256 unsent=744")
		if err := r.Ship(t.Context(), ready(1, 1)); !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// Where rights or set-up are missing for documents of exporters they are given up and told of, and
// flows go on.
func TestShipTurnedAway(t *testing.T) {
	f := func(cluster *shippertest.Cluster, want, said string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, cluster, Config{Workers: 1, FlushInterval: time.Millisecond})
			began := time.Now()
			for i := range 3 {
				r.ship(t, 1+10*i, 10)
				time.Sleep(time.Second)
			}
			r.put(t, 1, 100)
			r.close(t)
			r.want(t, want)
			if d := time.Since(began); d > pause {
				t.Errorf("flows waited %s", d)
			}
			if log := r.log.String(); strings.Count(log, "given up") != 1 || !strings.Contains(log, said) {
				t.Errorf("log is %q", log)
			}
		})
	}
	whole := shippertest.Fault{Status: 403}
	f(&shippertest.Cluster{Next: script(whole, whole, whole)}, "documents_in=130 indexed=100 turned_away=30", "create_doc on metrics-flowferry.exporter-default")
	some := shippertest.Fault{Item: items(403, 200, 404)}
	f(&shippertest.Cluster{Next: script(some, some, some)}, "documents_in=130 indexed=124 turned_away=6", "create_doc on metrics-flowferry.exporter-default")
	noTemplate := func(r *http.Request) (int, string) {
		if strings.HasPrefix(r.URL.Path, "/_data_stream/metrics") {
			return map[string]int{"GET": 404, "PUT": 400}[r.Method], `{"error":{"type":"illegal_argument_exception","reason":"no matching index template"}}`
		}
		return 200, `{}`
	}
	f(&shippertest.Cluster{Other: noTemplate}, "documents_in=130 indexed=100 turned_away=30", "run `flowferry setup`")
}
