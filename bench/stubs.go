package main
import "context"
func meter(ctx context.Context, s *suite) error {return nil}
func document(ctx context.Context, s *suite) error {return nil}
func top(ctx context.Context, s *suite) error {return nil}
func engine(ctx context.Context, s *suite) error {return nil}
func udp(ctx context.Context, s *suite) error {return nil}
func child(a string, args []string) error {return nil}
