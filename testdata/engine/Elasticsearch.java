import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * One Elasticsearch core node: the server and its HTTP module, which is all that Maven Central has of it. By
 * reflection, since its classes are too new for the compiler of an older JDK; the runtime that starts it is not.
 */
final class Elasticsearch {
    private static final String PACKAGE = "org.elasticsearch.";

    public static void main(String[] args) throws Exception {
        Engine engine = new Engine(args);
        System.setProperty("es.path.home", engine.home.toString());
        System.setProperty("es.logs.base_path", engine.instance.toString());

        Class<?> settings = type("common.settings.Settings");
        Object builder = settings.getMethod("builder").invoke(null);
        builder.getClass().getMethod("put", String.class, String.class)
            .invoke(builder, "path.home", engine.home.toString());
        Object home = builder.getClass().getMethod("build").invoke(builder);

        Class<?> logging = type("common.logging.LogConfigurator");
        logging.getMethod("configureESLogging").invoke(null);
        Map<String, String> more = engine.settings();
        more.put("http.type", "netty4");
        more.put("transport.type", "netty4");
        Object env = type("node.InternalSettingsPreparer")
            .getMethod("prepareEnvironment", settings, Map.class, Path.class, Supplier.class)
            .invoke(null, home, more, engine.home.resolve("config"), (Supplier<String>) () -> "test");
        logging.getMethod("setNodeName", String.class).invoke(null, "test");
        logging.getMethod("configure", env.getClass(), boolean.class).invoke(null, env, false);

        Class<?> loader = type("plugins.PluginsLoader");
        Object modules = loader.getMethod("loadModulesBundles", Path.class, boolean.class)
            .invoke(null, engine.home.resolve("modules"), false);
        Object plugins = loader.getMethod("createPluginsLoader", Set.class, Set.class, Map.class, boolean.class)
            .invoke(null, modules, Set.of(), Map.of(), false);
        Object node = type("node.Node").getConstructor(env.getClass(), loader).newInstance(env, plugins);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.getClass().getMethod("close").invoke(node);
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        Method start = node.getClass().getDeclaredMethod("start");
        start.setAccessible(true);
        start.invoke(node);
        engine.ready();
    }

    private static Class<?> type(String name) throws ClassNotFoundException {
        return Class.forName(PACKAGE + name);
    }
}
