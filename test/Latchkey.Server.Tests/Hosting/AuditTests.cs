using System.Net;
using System.Text.Json;
using Latchkey.Server.Tests.Device;
using Latchkey.Server.Tests.Logout;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>What is written down of what happens, and what never is.</summary>
public sealed class AuditTests
{
    [Fact, Spec("RFC 9700", "4.9"), Spec("OAuth 2.1", "7.5")]
    public async Task Who_did_what_from_where_is_in_the_audit_and_no_secret_is_anywhere()
    {
        await using var receiver = await LogoutReceiver.StartAsync();
        var state = DeclaredStates.Standard();
        state.Client(DeclaredStates.Web)["backchannel_logout_uri"] = receiver.Url("web");
        await using var server = await LatchkeyProcess.StartAsync(state, arguments: ["--log-level", "debug"]);
        using var alice = new PageWalker(server.Issuer);
        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        using var device = new OAuthClient(server.Issuer, DeclaredStates.Device);
        using var impostor = new OAuthClient(server.Issuer, DeclaredStates.Web with { Secret = "an impostor's secret" });
        var secrets = new List<string> { DeclaredStates.Alice.Password, DeclaredStates.Web.Secret!, DeclaredStates.Machine.Secret!, "an impostor's secret", "a wrong password", "another passphrase" };
        var pages = new List<string>();

        // A sign-in with a wrong password first, a code that is used twice, refreshes with a reuse, a device, a machine, a revocation.
        var request = web.Request("openid offline_access api:read");
        var login = await alice.GetAsync(request.Url);
        pages.Add((await alice.SignInAsync(login, alice.Person with { Password = "a wrong password" })).Text);
        var consent = await alice.SignInAsync(login);
        pages.Add(consent.Text);
        var stop = await alice.SubmitAsync(consent, ("decision", "allow"));
        var code = stop.Answer.Code!;
        (await impostor.RedeemAsync(request, code)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        var tokens = (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        var refreshed = (await web.RefreshAsync(tokens["refresh_token"]!)).Expect(HttpStatusCode.OK);
        var again = (await web.RefreshAsync(refreshed["refresh_token"]!)).Expect(HttpStatusCode.OK);
        (await web.RefreshAsync(tokens["refresh_token"]!)).ExpectError("invalid_grant");
        (await web.RedeemAsync(request, code)).ExpectError("invalid_grant");
        var started = await device.StartAsync("openid");
        pages.Add((await alice.DecideAsync(started)).Text);
        var deviceTokens = (await device.PollAsync(started.DeviceCode)).Expect(HttpStatusCode.OK);
        (await device.RevokeAsync(deviceTokens["refresh_token"]!)).Expect(HttpStatusCode.OK);
        var machineToken = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        (await web.TokenAsync(("grant_type", "authorization_code"), ("code", code + "x"), ("redirect_uri", request["redirect_uri"]), ("code_verifier", "x" + request.CodeVerifier))).ExpectError("invalid_grant");
        var account = await alice.GetAsync(server.Issuer + "/account");
        pages.Add(account.Text);
        var bound = await web.SignInAsync(alice, "openid");
        var cookie = alice.Cookies["latchkey"];
        await alice.LogoutAsync(server.Issuer, ("id_token_hint", bound.IdToken));
        var logoutToken = (await receiver.WaitAsync("web"))[0].Token;
        foreach (var answer in new[] { tokens, refreshed, again, deviceTokens, machineToken, bound.Answer })
        {
            foreach (var name in new[] { "access_token", "refresh_token", "id_token" })
            {
                if (answer.Json.TryGetProperty(name, out var token)) secrets.Add(token.GetString()!);
            }
        }

        secrets.AddRange([code, request.CodeVerifier, started.DeviceCode, cookie, logoutToken]);
        secrets.AddRange(alice.SetCookies.Select(line => line.Split(';')[0].Split('=', 2)[1]).Where(value => value.Length > 0));
        await Eventually.HoldsAsync("routine events in the audit", () => AuditRow.Read(server, "token.refused").Count > 0
            && AuditRow.Read(server, "token.issued").Exists(row => row.ClientId == "machine") && AuditRow.Read(server, "backchannel_logout.delivered").Count > 0);

        var subject = Jwt.Claims(bound.IdToken!).GetProperty("sub").GetString();
        var rows = AuditRow.Read(server);
        foreach (var (name, outcome, actor, client) in new[]
        {
            ("sign_in", "refused", null, null), ("sign_in", "success", subject, null), ("consent.given", "success", subject, "web"),
            ("client_authentication.failed", "refused", null, "web"), ("grant.created", "success", null, "web"), ("token.issued", "success", null, "web"),
            ("refresh_token.reuse", "refused", null, "web"), ("device.approved", "success", subject, "device"), ("grant.created", "success", null, "device"),
            ("token.issued", "success", null, "machine"), ("sign_out", "success", subject, "web"), ("backchannel_logout.delivered", "success", "server", "web"),
        })
        {
            var row = rows.Find(candidate => candidate.Event == name && candidate.Outcome == outcome && (client is null || candidate.ClientId == client));
            Assert.True(row is not null, $"{name} {outcome} {client} is not in the audit:\n{string.Join('\n', rows)}");
            if (actor is not null) Assert.Equal(actor, row.Actor);
            if (actor != "server") Assert.Equal(("127.0.0.1", 16), (row.Address, row.RequestId?.Length));
            Assert.InRange(row.At, TimeProvider.System.GetUtcNow().AddMinutes(-5).ToUnixTimeMilliseconds(), TimeProvider.System.GetUtcNow().AddMinutes(1).ToUnixTimeMilliseconds());
        }

        Assert.All(rows.Where(row => row.Detail is not null), row => Assert.Equal(JsonValueKind.Object, JsonElement.Parse(row.Detail!).ValueKind));

        // Not in the audit, the logs, on any page, nor anywhere in the database's other rows.
        var written = string.Join('\n', rows) + server.Output + server.Errors + string.Join('\n', pages);
        Assert.All(secrets.Distinct(), secret => Assert.DoesNotContain(secret, written, StringComparison.Ordinal));
        await server.StopAsync();
        var stored = string.Concat(Directory.EnumerateFiles(server.DataFolder, "*", SearchOption.AllDirectories).Select(file => System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file))));
        Assert.All(secrets.Distinct(), secret => Assert.DoesNotContain(secret, stored, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_change_and_its_row_are_written_together_or_not_at_all()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        using var alice = new PageWalker(server.Issuer);
        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        var page = await alice.SignInAsync(await alice.GetAsync(server.Issuer + "/account"));
        var tokens = await web.SignInAsync(alice, "openid offline_access");
        var token = page.Form!.QuerySelector("input[name=__token]")!.GetAttribute("value")!;

        // No row can be added to the audit: then nothing may happen either.
        using var database = new TestDatabase(server);
        database.Run("CREATE TRIGGER deny BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END");
        Assert.Equal(HttpStatusCode.InternalServerError, (await alice.PostAsync(server.Issuer + "/account", ("__token", token), ("revoke", "web"))).Status);
        var question = await alice.GetAsync(server.Issuer + "/logout");
        Assert.Equal(HttpStatusCode.InternalServerError, (await alice.SubmitAsync(question, ("decision", "logout"))).Status);
        database.Run("DROP TRIGGER deny");

        await alice.AssertSignedInAsync(web);
        (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Tokens_that_a_client_gets_within_a_moment_are_one_row_with_their_count()
    {
        await using var server = await InProcessServer.StartAsync();
        var database = server.Services.GetRequiredService<Database>();
        using var machine = server.Client(DeclaredStates.Machine);
        using var assertion = server.Client(DeclaredStates.Assertion);
        // The first is written at once. The clock stands still, so that all that follows gathers.
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        await Eventually.HoldsAsync("the first is in the audit", async () => (await IssuedAsync()).Count == 1);
        for (var i = 0; i < 5; i++) (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        for (var i = 0; i < 2; i++) (await assertion.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        (await machine.ClientCredentialsAsync("no:scope")).ExpectError("invalid_scope");
        (await machine.ClientCredentialsAsync("no:scope")).ExpectError("invalid_scope");

        await Eventually.HoldsAsync("all are in the audit", async () =>
        {
            server.Clock.Advance(TimeSpan.FromMilliseconds(100));
            return (await database.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(AuditEvents.TokenRefused), 100))).Count == 2;
        });
        var rows = await IssuedAsync();
        Assert.Equal(["machine", "machine", "assertion"], rows.Select(row => row.ClientId));
        Assert.Equal([null, 5L, 2L], rows.Select(row => JsonElement.Parse(row.Detail!).TryGetProperty("count", out var count) ? count.GetInt64() : (long?)null));
        Assert.Equal("client_credentials", JsonElement.Parse(rows[1].Detail!).GetProperty("grant_type").GetString());
        Assert.Equal(3, rows.Select(row => row.RequestId).Distinct().Count());

        ValueTask<List<AuditEvent>> IssuedAsync() => database.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(AuditEvents.TokenIssued), 100));
    }
}
