# One static binary, nothing else, no root.
FROM golang:1.25-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /flowferry ./cmd/flowferry && mkdir /state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /flowferry /flowferry
# State lives here; a new named volume takes the folder's owner.
COPY --from=build --chown=65532:65532 /state /var/lib/flowferry
WORKDIR /var/lib/flowferry
USER 65532:65532
EXPOSE 2055/udp
ENTRYPOINT ["/flowferry"]
CMD ["run"]
