using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Latchkey.Reliability.Tests.Native;

/// <summary>
/// The program as <c>./build.sh</c> leaves it with its native switch, at dist/latchkey: what the native compiler cut away would show here.
/// </summary>
public sealed class NativeBinaryTests(ITestOutputHelper output)
{
    private static string Binary => Path.Combine(LatchkeyProcess.RepositoryRoot, "dist", "latchkey");

    [Fact]
    public async Task It_starts_answers_signs_in_and_ends_when_asked()
    {
        Assert.True(File.Exists(Binary), "dist/latchkey is missing; run ./build.sh --native.");
        Assert.False(File.Exists(Path.Combine(Path.GetDirectoryName(Binary)!, "libe_sqlite3.so")), "dist/latchkey is not the native build; run ./build.sh --native.");

        await using var server = await LatchkeyProcess.StartProgramAsync(Binary);
        Assert.Contains($"listening on {server.Issuer}", server.Output, StringComparison.Ordinal);
        using var app = new OAuthClient(server.Issuer, DeclaredStates.Web);
        Assert.Equal(server.Issuer, (await app.GetAsync("/.well-known/openid-configuration")).Expect(HttpStatusCode.OK)["issuer"]);

        // Services.
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        var own = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        await Jwt.VerifyAsync(own, server.Issuer, DeclaredStates.Api, "at+jwt");
        using var api = new OAuthClient(server.Issuer, DeclaredStates.ApiServer);
        Assert.Equal("true", (await api.IntrospectAsync(own)).Expect(HttpStatusCode.OK)["active"]);
        using var assertion = new OAuthClient(server.Issuer, DeclaredStates.Assertion);
        (await assertion.ClientCredentialsAsync("files:read")).Expect(HttpStatusCode.OK);

        // People: every page on the way, consent too.
        using var alice = new PageWalker(server.Issuer);
        var tokens = await app.SignInAsync(alice, "openid profile email api:read");
        await Jwt.VerifyAsync(tokens.IdToken!, server.Issuer, DeclaredStates.Web.Id, "JWT");
        Assert.Equal("alice@example.com", (await app.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK)["email"]);
        var refreshed = (await app.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await app.RevokeAsync(refreshed["refresh_token"]!)).Expect(HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.OK, (await alice.GetAsync(server.Issuer + "/account")).Status);

        // Devices.
        using var device = new OAuthClient(server.Issuer, DeclaredStates.Device);
        var started = (await device.DeviceAsync("openid")).Expect(HttpStatusCode.OK);
        (await device.PollAsync(started["device_code"]!)).ExpectError("authorization_pending");

        // Figures for people to read; they depend on the machine, so nothing is asserted of them.
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Resident memory after the first requests: {ResidentMebibytes(server.ProcessId):F0} MiB"));
        Assert.Equal(0, await server.StopAsync());
        var clock = Stopwatch.StartNew();
        await server.StartAsync();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Start to the ready line: {clock.ElapsedMilliseconds} ms; resident memory idle: {ResidentMebibytes(server.ProcessId):F0} MiB"));
        Assert.Equal(0, await server.StopAsync());
        Assert.Equal("", server.Errors);
    }

    private static double ResidentMebibytes(int processId)
    {
        var line = File.ReadLines($"/proc/{processId}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }
}
