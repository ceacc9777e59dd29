using System.Net;

namespace Latchkey.Reliability.Tests.Disk;

/// <summary>The disk of the database is full: what must be written is refused for the moment, everything else goes on.</summary>
public sealed class DiskFullTests
{
    [Fact]
    public async Task On_a_full_disk_only_writes_are_refused_and_with_room_again_they_go_on_by_themselves()
    {
        using var disk = new SmallDisk(megabytes: 64);
        await using var server = await LatchkeyProcess.StartAsync(arguments: ["--database", "sqlite:" + disk.File("latchkey.db")]);
        using var alice = new PageWalker(server.Issuer);
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        using var device = new OAuthClient(server.Issuer, DeclaredStates.Device);
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        var refreshToken = (await app.SignInAsync(alice, "openid offline_access")).RefreshToken!;
        var request = app.Request("openid offline_access");
        var code = (await alice.AuthorizeAsync(request.Url)).Answer.Code!;

        // Full: the room that the files have inside is soon used up too.
        disk.Fill();
        var refused = await FirstRefusalAsync();
        Assert.True(int.Parse(refused.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture) > 0);
        Assert.Equal("no-store", refused.Header("Cache-Control"));
        foreach (var write in new[] { await app.RefreshAsync(refreshToken), await app.RedeemAsync(request, code), await app.RevokeAsync(refreshToken) })
            write.ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);
        Assert.Contains("full", server.Output + server.Errors, StringComparison.OrdinalIgnoreCase);

        // What writes nothing does not notice.
        for (var i = 0; i < 3; i++)
        {
            var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
            using var api = new OAuthClient(server.Issuer, DeclaredStates.ApiServer);
            Assert.Equal("true", (await api.IntrospectAsync(token)).Expect(HttpStatusCode.OK)["active"]);
            (await app.GetAsync("/.well-known/jwks.json")).Expect(HttpStatusCode.OK);
            (await app.GetAsync("/.well-known/openid-configuration")).Expect(HttpStatusCode.OK);
            (await app.GetAsync("/healthz/live")).Expect(HttpStatusCode.OK);
        }

        var ready = (await app.GetAsync("/healthz/ready")).Expect(HttpStatusCode.OK);
        Assert.Equal("degraded", ready["status"]);
        Assert.Contains("full", ready["reason"], StringComparison.Ordinal);

        // Room again: it heals without a restart, and nothing that was refused was used up.
        disk.Free();
        await Eventually.HoldsAsync("writes work again", async () => (await device.DeviceAsync("openid")).Status == HttpStatusCode.OK);
        (await app.RefreshAsync(refreshToken)).Expect(HttpStatusCode.OK);
        (await app.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        (await app.GetAsync("/healthz/ready")).Expect(HttpStatusCode.OK);
        Assert.Equal(0, await server.StopAsync());
        Assert.Equal("ok", Tables.IntegrityOfCopy(disk.File("latchkey.db")));

        async Task<Answer> FirstRefusalAsync()
        {
            for (var i = 0; i < 3_000; i++)
            {
                var answer = await device.DeviceAsync("openid");
                if (answer.Status == HttpStatusCode.OK) continue;
                return answer.ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);
            }

            throw new InvalidOperationException("The disk never was full.");
        }
    }
}
