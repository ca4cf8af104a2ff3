package pdns

import (
	"fmt"
	"time"
)

// Config says how flows are given names. The zero value works.
type Config struct {
	Window    time.Duration `yaml:"window" default:"1h" help:"how long after a DNS answer a flow to or from the address in it is called by the name asked for"`
	Addresses int           `yaml:"addresses" default:"65536" help:"answered addresses held at once, rounded up to a power of two, each for the host that asked and once for all others; up to 500 bytes each; the one answered longest ago gives way"`
	Off       bool          `yaml:"off" default:"false" help:"give no names from DNS answers"`
}

// Bounds and defaults of Config.
const (
	defaultWindow    = time.Hour
	maxWindow        = 7 * 24 * time.Hour
	defaultAddresses = 1 << 16
	maxAddresses     = 1 << 24
)

// Validate reports the first field that can not be used, and what to write instead.
func (c *Config) Validate() error {
	if c.Window < 0 || c.Window > maxWindow {
		return fmt.Errorf("window: %s is out of range: use 0 (the default, %s) to %s", c.Window, defaultWindow, maxWindow)
	}
	if c.Addresses < 0 || c.Addresses > maxAddresses {
		return fmt.Errorf("addresses: %d is out of range: use 0 (the default, %d) to %d", c.Addresses, defaultAddresses, maxAddresses)
	}
	return nil
}
