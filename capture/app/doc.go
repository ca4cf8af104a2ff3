// Package app finds out what a conversation speaks from the first bytes of both sides, whatever
// the ports, and takes the names out of it: questions, hosts, banners.
//
// The caller collects the bytes in order and asks View.Label until it answers, then View.Whole
// until the interesting part is there, then View.Metadata once. Every parser works on bytes an
// attacker may choose: it checks each length, loops at most once over its input and keeps only
// copies. The package holds no state and never looks at ports.
package app
