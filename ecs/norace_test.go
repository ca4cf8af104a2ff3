//go:build !race

package ecs

const race = false
