import java.io.IOException;
import java.io.PrintStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/**
 * What the two launchers share: arguments, port, the URL line, and the end.
 *
 * Arguments: HOME INSTANCE PORT WATCH. HOME holds the jars and is only read; INSTANCE gets data and log.
 * WATCH "yes": the engine dies at once, and INSTANCE with it, when standard input closes. Whoever holds the other
 * end of that pipe cannot leave an engine behind, however it ends.
 */
final class Engine {
    /** Standard output as it was given to us: the engines put their logger in its place. It carries the URL and nothing else. */
    private static final PrintStream OUT = System.out;

    final Path home, instance;
    final int port;

    Engine(String[] args) throws IOException {
        home = Path.of(args[0]).toAbsolutePath();
        instance = Path.of(args[1]).toAbsolutePath();
        port = args[2].equals("0") ? freePort() : Integer.parseInt(args[2]);
        if (args[3].equals("yes")) {
            Thread watch = new Thread(this::dieWithStdin, "stdin");
            watch.setDaemon(true);
            watch.start();
        }
    }

    /** The settings both engines understand. */
    Map<String, String> settings() {
        Map<String, String> s = new HashMap<>();
        s.put("path.data", instance.resolve("data").toString());
        s.put("path.logs", instance.toString());
        s.put("cluster.name", "flowferry-test");
        s.put("node.name", "test");
        s.put("network.host", "127.0.0.1");
        s.put("http.port", Integer.toString(port));
        s.put("transport.port", "0");
        s.put("discovery.type", "single-node");
        s.put("cluster.routing.allocation.disk.threshold_enabled", "false");
        s.put("action.destructive_requires_name", "false");
        return s;
    }

    /** Waits until the indices found in the data folder can be searched, and tells the caller where we are. */
    void ready() throws Exception {
        String url = "http://127.0.0.1:" + port;
        String health = url + "/_cluster/health?wait_for_status=yellow&timeout=60s";
        HttpURLConnection c = (HttpURLConnection) URI.create(health).toURL().openConnection();
        if (c.getResponseCode() != 200) {
            System.err.println("not healthy: " + health + " says " + c.getResponseCode());
            Runtime.getRuntime().halt(1);
        }
        OUT.println(url);
        OUT.flush();
        Thread.currentThread().join();
    }

    /**
     * A port nobody listens on, below the range from which Linux takes the ports of outgoing connections: inside it a
     * client that keeps trying to reach an engine which is down may at last connect to itself.
     */
    private static int freePort() throws IOException {
        Random random = new Random();
        for (int tries = 0; tries < 100; tries++) {
            int p = 20000 + random.nextInt(12000);
            try (ServerSocket s = new ServerSocket()) {
                s.bind(new InetSocketAddress("127.0.0.1", p));
                return p;
            } catch (IOException taken) {
                continue;
            }
        }
        throw new IOException("no free port between 20000 and 32000");
    }

    private void dieWithStdin() {
        try {
            while (System.in.read() >= 0) {
            }
        } catch (IOException closed) {
            // as good as the end of input
        }
        try (var files = Files.walk(instance)) {
            files.sorted(Comparator.reverseOrder()).forEach(f -> f.toFile().delete());
        } catch (Exception e) {
            // the node may be writing still; what stays is only a test's data
        }
        Runtime.getRuntime().halt(0);
    }
}
