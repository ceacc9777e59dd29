using System.Net;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>What is changed beside a running server, such as by the command line or another node.</summary>
public sealed class PollingTests
{
    [Fact]
    public async Task A_change_is_known_two_seconds_later()
    {
        await using var server = await InProcessServer.StartAsync();
        using var late = server.Client(new TestClient("late", "late-secret-0123456789abcdef", TestClient.Basic, null));
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("late.json"), """
            { "clients": [{ "client_id": "late", "client_secret": "late-secret-0123456789abcdef", "grant_types": ["client_credentials"], "scope": "api:read" }] }
            """);
        var applied = await LatchkeyProcess.RunAsync("apply", folder.File("late.json"), "--data", server.DataFolder);
        Assert.True(applied.ExitCode == 0, applied.Errors);
        // The server's clock stands still: not yet.
        (await late.ClientCredentialsAsync("api:read")).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        server.Clock.Advance(TimeSpan.FromSeconds(2));
        await Eventually.HoldsAsync("the server knows the client", async () => (await late.ClientCredentialsAsync("api:read")).Status == HttpStatusCode.OK, seconds: 60);
    }
}
