package watch

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// What becomes of a file that was read.
const (
	Keep   = "keep"
	Move   = "move"
	Delete = "delete"
)

// Defaults of Config.
const (
	defaultSettle    = 10 * time.Second
	defaultStateFile = "flowferry-watch.state"
)

// Config says what is watched. Without Directories nothing is.
type Config struct {
	Directories  []string      `yaml:"directories" default:"[]" help:"Directories whose files, in and below them, are read when they are complete, each once; see docs/capture.md."`
	Pattern      string        `yaml:"pattern" default:"" help:"Names of the files that are read, such as '*.pcap*'; empty is all but those that begin with a dot."`
	Settle       time.Duration `yaml:"settle" default:"10s" help:"A file that was not seen to be closed or moved into place is complete when it has not changed for so long."`
	StateFile    string        `yaml:"state_file" default:"flowferry-watch.state" help:"File that keeps over a restart which files were read."`
	Finished     string        `yaml:"finished" default:"keep" help:"What becomes of a file that was read: keep, delete, or move, to the directory move_to."`
	MoveTo       string        `yaml:"move_to" default:"" help:"Directory for files that were read, on the same file system and in none of the directories."`
	SkipExisting bool          `yaml:"skip_existing" default:"false" help:"Leave out the files that are there when a directory is watched for the first time."`
}

// Validate names the setting that makes no sense, and the remedy.
func (c *Config) Validate() error {
	if _, err := filepath.Match(c.Pattern, ""); err != nil {
		return fmt.Errorf("pattern: %q is broken: write it as '*.pcap'", c.Pattern)
	}
	if strings.Contains(c.Pattern, "/") {
		return fmt.Errorf("pattern: %q: give the pattern of a name, without a directory", c.Pattern)
	}
	if c.Settle < 0 {
		return fmt.Errorf("settle is %v: give a duration above zero such as 10s, or leave it out", c.Settle)
	}
	switch c.Finished {
	case "", Keep, Delete:
		if c.MoveTo != "" {
			return errors.New("move_to is given, but finished is not move: set it, or leave move_to out")
		}
	case Move:
		return c.validateMove()
	default:
		return fmt.Errorf("finished: %q is not known; use keep, move or delete", c.Finished)
	}
	return nil
}

func (c *Config) validateMove() error {
	if c.MoveTo == "" {
		return errors.New("finished is move: name the directory in move_to")
	}
	for _, dir := range c.Directories {
		if inside(c.MoveTo, dir) {
			return fmt.Errorf("move_to: %s is in %s, which is watched: name a directory beside it", c.MoveTo, dir)
		}
	}
	return nil
}

// inside says whether path is dir or in or below it, by name.
func inside(path, dir string) bool {
	path, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func (c Config) withDefaults() Config {
	if c.Settle == 0 {
		c.Settle = defaultSettle
	}
	if c.StateFile == "" {
		c.StateFile = defaultStateFile
	}
	return c
}
