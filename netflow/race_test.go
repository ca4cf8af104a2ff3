//go:build race

package netflow

func init() { underRace = true }
