package enginetest

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// Request asks an engine without the product's client and gives the status and the answer. No
// answer at all fails the test.
func Request(t testing.TB, method, url string, body []byte) (status int, answer []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp.StatusCode, answer
}

// Must is Request for what has to succeed.
func Must(t testing.TB, method, url string, body []byte) (answer []byte) {
	t.Helper()
	status, answer := Request(t, method, url, body)
	if status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, url, status, answer)
	}
	return answer
}
