using System.Globalization;
using System.Text.Json.Nodes;

namespace Latchkey.Reliability.Tests.Nodes;

/// <summary>Some processes of <c>latchkey serve</c> on one PostgreSQL, behind a load balancer that gives each request to the next.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<LatchkeyProcess> _nodes = [];
    private readonly List<int> _ports = [];
    private RoundRobin? _balancer;

    private Cluster(string database) => Database = database;

    /// <summary>The address of the database.</summary>
    public string Database { get; }

    /// <summary>Where all nodes are reached.</summary>
    public required string Issuer { get; init; }

    public IReadOnlyList<LatchkeyProcess> Nodes => _nodes;

    /// <summary>Where one node is reached by itself.</summary>
    public string AddressOf(int node) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_ports[node]}");

    /// <summary>Starts them all at once, on an empty database.</summary>
    public static async Task<Cluster> StartAsync(string database, int nodes, JsonObject? state = null)
    {
        var port = LoopbackPorts.Next();
        var cluster = new Cluster(database) { Issuer = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}") };
        try
        {
            await File.WriteAllTextAsync(cluster._folder.File("latchkey.json"), (state ?? DeclaredStates.Standard()).ToJsonString());
            await Task.WhenAll(Enumerable.Range(0, nodes).Select(_ => cluster.AddAsync()));
            cluster._balancer = await RoundRobin.StartAsync(port, cluster._ports);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts one more node.</summary>
    public async Task<LatchkeyProcess> AddAsync()
    {
        var port = LoopbackPorts.Next();
        var node = await LatchkeyProcess.StartBareAsync(
            Issuer, new Dictionary<string, string>(), "--issuer", Issuer, "--urls", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"),
            "--data", _folder.File(port.ToString(CultureInfo.InvariantCulture)), "--config", _folder.File("latchkey.json"), "--database", Database);
        lock (_nodes)
        {
            _nodes.Add(node);
            _ports.Add(port);
        }

        return node;
    }

    public OAuthClient Client(TestClient client) => new(Issuer, client);

    public PageWalker Browser(Person? person = null) => new(Issuer, person);

    public async ValueTask DisposeAsync()
    {
        if (_balancer is not null) await _balancer.DisposeAsync();
        foreach (var node in _nodes) await node.DisposeAsync();
        _folder.Dispose();
    }
}
