//go:build race

package ecs

// race says that the race detector is on: then sync.Pool forgets on purpose.
const race = true
