package main

import (
	"errors"
	"log/slog"

	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

// live is what a collector collects from: flow exports, network interfaces, or both.
type live struct {
	netflow *netflow.Live // nil: no exports
	capture *capture.Live // nil: no interfaces
}

// openLive opens what the configuration names. epoch is the origin of the records of exports; those
// of interfaces count on from there.
func openLive(cfg *Config, exports bool, epoch uint64) (l *live, err error) {
	l = &live{}
	if len(cfg.Capture.Live.Interfaces) > 0 {
		if l.capture, err = capture.OpenLive(cfg.Capture, epoch+1); err != nil {
			return nil, err
		}
	}
	if exports {
		if l.netflow, err = netflow.Listen(cfg.NetFlow); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *live) sources() (all flow.Sources) {
	if l.netflow != nil {
		all = append(all, l.netflow)
	}
	if l.capture != nil {
		all = append(all, l.capture)
	}
	return all
}

// announce logs what is collected and where it goes.
func (l *live) announce(log *slog.Logger, output string) {
	if l.netflow != nil {
		for _, e := range l.netflow.Endpoints() {
			log.Info("listening", e.Network, e.Addr.String(), "output", output)
		}
	}
	if l.capture != nil {
		workers := l.capture.Workers()
		for _, name := range sorted(workers) {
			log.Info("metering", "interface", name, "workers", workers[name], "output", output)
		}
	}
}

func (l *live) warnings() (list []string) {
	if l.netflow != nil {
		list = l.netflow.Warnings()
	}
	if l.capture != nil {
		list = append(list, l.capture.Warnings()...)
	}
	return list
}

func (l *live) stats() (list []flow.Stat) {
	if l.netflow != nil {
		list = l.netflow.Stats()
	}
	if l.capture != nil {
		list = append(list, l.capture.Stats()...)
	}
	return list
}

func (l *live) exporters() []netflow.ExporterStats {
	if l.netflow == nil {
		return nil
	}
	return l.netflow.Exporters()
}

func (l *live) close() (err error) {
	if l.netflow != nil {
		err = l.netflow.Close()
	}
	if l.capture != nil {
		err = errors.Join(err, l.capture.Close())
	}
	return err
}
