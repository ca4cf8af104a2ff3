// Package app finds out what a conversation speaks from the first bytes of both sides, whatever
// the ports, and takes the names out of it: questions, hosts, banners.
//
// The caller collects the bytes in order and asks Look.Label until it is sure, then View.Whole until
// the interesting part is there, then View.Metadata once, and Follow for what comes after, where
// Follows says that it may tell more. Label asks only the rows of labels that can begin with the
// first byte. Each recogniser says how much the bytes prove: a structure that holds in several
// fields is sure, a magic word is likely, and what is weak counts only on the usual port or in a
// second packet, and then with low confidence. A port alone gives no label, only a Hint. What a
// conversation says of another, Announcement reads.
//
// Every recogniser and parser works on bytes an attacker may choose: it checks each length, loops
// at most once over its input and keeps only copies. The package holds no state but what was read
// lately and will come again, in tables of fixed size: names, certificates, sorts of hellos.
package app
