import java.util.List;
import org.opensearch.analysis.common.CommonAnalysisPlugin;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.geo.GeoModulePlugin;
import org.opensearch.index.mapper.MapperExtrasPlugin;
import org.opensearch.index.reindex.ReindexPlugin;
import org.opensearch.ingest.common.IngestCommonPlugin;
import org.opensearch.join.ParentJoinPlugin;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.painless.PainlessPlugin;
import org.opensearch.percolator.PercolatorPlugin;
import org.opensearch.script.mustache.MustachePlugin;
import org.opensearch.search.aggregations.matrix.MatrixAggregationPlugin;
import org.opensearch.transport.Netty4Plugin;

/**
 * One OpenSearch node with the distribution's modules taken from the class path, so that a flat folder of jars is a
 * whole engine. Node is used directly: no root check, no security manager, no bootstrap checks.
 */
final class OpenSearch extends Node {
    private OpenSearch(Environment env) {
        super(env, List.of(
            Netty4Plugin.class, PainlessPlugin.class, CommonAnalysisPlugin.class, MapperExtrasPlugin.class,
            IngestCommonPlugin.class, MustachePlugin.class, ReindexPlugin.class, ParentJoinPlugin.class,
            PercolatorPlugin.class, MatrixAggregationPlugin.class, GeoModulePlugin.class), true);
    }

    public static void main(String[] args) throws Exception {
        Engine engine = new Engine(args);
        Settings home = Settings.builder().put("path.home", engine.home.toString()).build();
        Environment env = InternalSettingsPreparer.prepareEnvironment(
            home, engine.settings(), engine.home.resolve("config"), () -> "test");
        LogConfigurator.setNodeName("test");
        LogConfigurator.configure(env);
        Node node = new OpenSearch(env);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        node.start();
        engine.ready();
    }
}
