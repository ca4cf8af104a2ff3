//go:build !linux

package main

import (
	"errors"
	"net/netip"
	"time"
)

// volleySize is how many datagrams are sent in one go at most.
const volleySize = 16

type volley struct{}

var errLinux = errors.New("this measurement needs Linux")

func dialRaw(_, _ netip.AddrPort) (int, error) { return 0, errLinux }

func (*volley) send(int, [][]byte) error { return errLinux }

func nap(d time.Duration) { time.Sleep(d) }

func processCPU(int) (time.Duration, error) { return 0, errLinux }
