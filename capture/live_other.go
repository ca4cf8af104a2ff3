//go:build !linux

package capture

import "errors"

func openTaps(string, Config) (taps, error) {
	return taps{}, errors.New("live capture needs Linux; elsewhere use `tcpdump -i INTERFACE -w - | flowferry read -`")
}
