package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/stitch"
)

// Admin says where the collector answers questions about itself.
type Admin struct {
	Listen string `yaml:"listen" default:"" help:"Loopback address and port for /healthz, /readyz, /metrics, /exporters and /duplicates over HTTP, such as 127.0.0.1:6060; empty is off. It has no password."`
}

func (a *Admin) validate() error {
	if a.Listen == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(a.Listen)
	if err != nil || port == "" || !loopback(host) {
		return fmt.Errorf("listen: %q: want a loopback address and a port, such as 127.0.0.1:6060; others may reach it through a proxy", a.Listen)
	}
	return nil
}

// loopback says whether a host is this machine, by name or address.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// admin is the endpoint; nil where it is off.
type admin struct {
	listener net.Listener
	server   *http.Server
}

// listenAdmin binds the endpoint, if there is to be one.
func listenAdmin(cfg Admin) (*admin, error) {
	if cfg.Listen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for admin: %w", err)
	}
	return &admin{listener: l}, nil
}

// serve answers from now on. The collector is ready until ctx is cancelled.
func (a *admin) serve(ctx context.Context, numbers func() account, exporters func() []netflow.ExporterStats, pairs func() []stitch.Pair) {
	if a == nil {
		return
	}
	a.server = &http.Server{
		Handler:           adminHandler(ctx, numbers, exporters, pairs),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	go a.server.Serve(a.listener) // it ends with close
}

// close ends it.
func (a *admin) close() {
	switch {
	case a == nil:
	case a.server != nil:
		a.server.Close()
	default:
		a.listener.Close()
	}
}

// adminHandler answers questions; there is nothing to command. Requests for another host than
// this machine are refused, lest a web page makes a browser ask under a name of its own.
func adminHandler(ctx context.Context, numbers func() account, exporters func() []netflow.ExporterStats, pairs func() []stitch.Pair) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if ctx.Err() != nil {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		p := &printer{w: w}
		writeMetrics(p, numbers())
	})
	mux.HandleFunc("GET /exporters", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		views := []exporterView{}
		for _, s := range exporters() {
			views = append(views, viewOf("", &s))
		}
		_ = writeJSON(w, views) // who asked has gone away
	})
	mux.HandleFunc("GET /duplicates", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = writeJSON(w, pairViews(pairs()))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !loopback(host) {
			http.Error(w, "only for this machine", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// gauges are the numbers that may go down: what is held now, and what sequence numbers say, for
// a datagram that comes late was not lost. All others count up.
var gauges = map[string]bool{
	"netflow.held": true, "netflow.exporters": true, "netflow.sequence_lost": true, "netflow.sequence_lost_datagrams": true,
	"netflow.sequence_reordered": true, "netflow.sequence_duplicate": true, "netflow.restarts": true,
	"stitch.held": true, "shipper.pending": true, "watch.waiting": true,
}

// writeMetrics writes the account in the text format of Prometheus, version 0.0.4.
func writeMetrics(p *printer, a account) {
	p.printf("# TYPE flowferry_build_info gauge\nflowferry_build_info{version=%q} 1\n", buildVersion())
	for _, name := range sorted(a) {
		metric, kind := "flowferry_"+strings.ReplaceAll(name, ".", "_"), "gauge"
		if !gauges[name] {
			metric, kind = metric+"_total", "counter"
		}
		p.printf("# TYPE %s %s\n%s %d\n", metric, kind, metric, a[name])
	}
}
