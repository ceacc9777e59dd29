using Xunit;

namespace Latchkey.Tests.Harness;

/// <summary>
/// One server process for all tests of an assembly, with the standard state; tests that change or stop the server start their own. As a fixture:
/// <c>[assembly: AssemblyFixture(typeof(SharedServer))]</c>, then a constructor parameter.
/// </summary>
public sealed class SharedServer : IAsyncLifetime
{
    private LatchkeyProcess? _process;

    public LatchkeyProcess Process => _process ?? throw new InvalidOperationException("The server has not been started.");

    public string Issuer => Process.Issuer;

    /// <summary>A client's program.</summary>
    public OAuthClient Client(TestClient client) => new(Issuer, client);

    /// <summary>A browser with no cookies.</summary>
    public PageWalker Browser(Person? person = null) => new(Issuer, person);

    public async ValueTask InitializeAsync() => _process = await LatchkeyProcess.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
    }
}
