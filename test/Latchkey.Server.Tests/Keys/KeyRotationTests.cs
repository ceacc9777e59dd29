using System.Buffers.Text;
using System.Net;
using System.Text.Json;
using Latchkey.Server.Configuration;
using Latchkey.Server.Keys;
using Latchkey.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Keys;

/// <summary>A server whose keys change every six hours.</summary>
public sealed class RotatingServer : ClockedServer
{
    public const int Interval = 6 * 3600;

    protected override ServerOptions Options(ServerOptions options) => options with { KeyRotationInterval = TimeSpan.FromSeconds(Interval) };
}

/// <summary>Signing keys: made at first start, published before they sign, gone when nothing needs them.</summary>
public sealed class KeyRotationTests(RotatingServer server) : IClassFixture<RotatingServer>
{
    private static readonly string[] Algorithms = ["RS256", "PS256", "ES256"];

    [Fact, Spec("RFC 7517", "5"), Spec("RFC 8414", "2"), Spec("OIDC Discovery", "3"), Spec("OIDC Core", "10.1"), Spec("OIDC Core", "10.2.1"), Check("A14")]
    public async Task The_JWKS_holds_what_signs_and_what_is_next_and_no_private_part()
    {
        await TendAsync();
        using var client = server.Client(DeclaredStates.Spa);
        var answer = (await client.GetAsync("/.well-known/jwks.json")).Expect(HttpStatusCode.OK);
        Assert.Equal("application/json", answer.Header("Content-Type"));
        Assert.Equal("public, max-age=900", answer.Header("Cache-Control"));
        var keys = answer.Json.GetProperty("keys").EnumerateArray().ToList();
        Assert.Equal(keys.Count, keys.Select(key => Text(key, "kid")).Distinct().Count());
        foreach (var algorithm in Algorithms) Assert.True(keys.Count(key => Text(key, "alg") == algorithm) >= 2, algorithm);
        Assert.Equal("RS256", Text(keys[0], "alg"));
        foreach (var key in keys)
        {
            Assert.Equal("sig", Text(key, "use"));
            var names = key.EnumerateObject().Select(member => member.Name).Order();
            if (Text(key, "kty") == "RSA")
            {
                Assert.Equal(["alg", "e", "kid", "kty", "n", "use"], names);
                Assert.True(Base64Url.DecodeFromChars(Text(key, "n")).Length * 8 >= 2048);
            }
            else
            {
                Assert.Equal(["alg", "crv", "kid", "kty", "use", "x", "y"], names);
                Assert.Equal("P-256", Text(key, "crv"));
            }
        }
    }

    [Fact, Spec("OIDC Core", "10.1.1"), Spec("RFC 9068", "4"), Check("A14")]
    public async Task The_next_key_is_known_before_it_signs_and_the_old_one_as_long_as_its_tokens_live()
    {
        using var web = server.Client(DeclaredStates.Web);
        await TendAsync();
        var old = (await server.SignInAsync(web)).AccessToken;
        var before = await KeyIdsAsync();
        var oldKey = Text(Jwt.Header(old), "kid");
        Assert.Contains(oldKey, before);

        // To the very second: the last token of the old key, the first of the next.
        var rows = (await server.Database.ReadAsync(SigningKeys.ListAsync)).Where(row => row is { Purpose: KeyPurposes.Sign, Algorithm: "RS256" }).ToList();
        var next = rows.Where(row => row.ActiveFrom > server.Now).MinBy(row => row.ActiveFrom)!;
        Assert.Contains(next.KeyId, before);
        Assert.Equal(rows.Single(row => row.KeyId == oldKey).ActiveFrom + RotatingServer.Interval * 1000L, next.ActiveFrom);
        server.Wait((next.ActiveFrom - server.Now) / 1000.0 - 1);
        var last = (await server.SignInAsync(web)).AccessToken;
        Assert.Equal(oldKey, Text(Jwt.Header(last), "kid"));
        server.Wait(1);
        var first = (await server.SignInAsync(web)).AccessToken;
        Assert.Equal(next.KeyId, Text(Jwt.Header(first), "kid"));

        await TendAsync();
        foreach (var token in (string[])[last, first])
        {
            (await web.UserInfoAsync(token)).Expect(HttpStatusCode.OK);
            await Jwt.VerifyAsync(token, server.Issuer, server.Issuer, "at+jwt", clock: server.Clock);
        }

        var after = await KeyIdsAsync();
        Assert.Contains(oldKey, after);
        Assert.True(after.Except(before).Any(), "the one after next is published");

        // Its tokens are over, and so is it.
        server.Wait(3600 + 900 + 60);
        Assert.DoesNotContain(oldKey, await KeyIdsAsync());
        Assert.Contains(next.KeyId, await KeyIdsAsync());
    }

    [Fact]
    public async Task An_operator_brings_the_next_key_forward_when_every_cache_can_know_it()
    {
        await TendAsync();
        // The first next key is as old as the first key and may sign at once; from then on a next key is younger than the one that signs.
        server.Wait(Math.Max(0, (await RotateAsync()).ActiveFrom - server.Now) / 1000.0);
        await TendAsync();
        var current = Signer("ES256");
        var rotated = await RotateAsync();
        Assert.True(rotated.ActiveFrom - rotated.CreatedAt >= 15 * 60 * 1000, "published for as long as a JWKS may be cached");
        Assert.Contains(rotated.KeyId, await KeyIdsAsync());
        Assert.Equal(current, Signer("ES256"));
        server.Wait((rotated.ActiveFrom - server.Now) / 1000.0 - 1);
        Assert.Equal(current, Signer("ES256"));
        server.Wait(1);
        Assert.Equal(rotated.KeyId, Signer("ES256"));
        Assert.Contains(current, await KeyIdsAsync());
        Assert.Contains(await server.AuditAsync(AuditEvents.KeyRotated), entry => entry.Detail!.Contains(rotated.KeyId, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_that_leaked_is_gone_at_once_with_all_it_signed()
    {
        await TendAsync();
        using var web = server.Client(DeclaredStates.Web);
        var token = (await server.SignInAsync(web)).AccessToken;
        (await web.UserInfoAsync(token)).Expect(HttpStatusCode.OK);
        var leaked = Text(Jwt.Header(token), "kid");
        await server.Server.Services.GetRequiredService<KeyKeeper>().RotateAsync("RS256", new AuditEvent { At = server.Now, Event = AuditEvents.KeyRotated, Actor = "cli" }, KeyRotation.Compromised);
        await RefreshAsync();
        Assert.DoesNotContain(leaked, await KeyIdsAsync());
        (await web.UserInfoAsync(token)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        (await web.UserInfoAsync((await server.SignInAsync(web)).AccessToken)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Private_keys_lie_encrypted()
    {
        await TendAsync();
        var rows = await server.Database.ReadAsync(SigningKeys.ListAsync);
        Assert.True(rows.Count > 6);
        var files = new List<byte[]>();
        foreach (var file in Directory.EnumerateFiles(server.Server.DataFolder, "latchkey.db*"))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[stream.Length];
            await stream.ReadExactlyAsync(bytes, TestContext.Current.CancellationToken);
            files.Add(bytes);
        }

        var vault = server.Server.Services.GetRequiredService<IDataProtectionProvider>().CreateProtector("Latchkey.SigningKeys.v1");
        foreach (var row in rows)
        {
            // A long value is spread over pages, so a piece of it is looked for; its head is the same for all.
            Assert.True(Pieces(row.Wrapped).Any(piece => files.Exists(file => file.AsSpan().IndexOf(piece) >= 0)), "the wrapped key is what is there");
            var opened = vault.Unprotect(row.Wrapped);
            foreach (var piece in Pieces(opened)) Assert.DoesNotContain(files, file => file.AsSpan().IndexOf(piece) >= 0);
        }

        // The key that opens them is not in the database's folder for everybody to read.
        foreach (var file in Directory.EnumerateFiles(Path.Combine(server.Server.DataFolder, "keys")))
            Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(file) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite));
    }

    private static IEnumerable<byte[]> Pieces(byte[] whole) => whole[(whole.Length / 2)..].Chunk(16).Where(piece => piece.Length == 16);

    private async Task<KeyRow> RotateAsync()
    {
        var keeper = server.Server.Services.GetRequiredService<KeyKeeper>();
        var rotated = Assert.Single(await keeper.RotateAsync("ES256", new AuditEvent { At = server.Now, Event = AuditEvents.KeyRotated, Actor = "cli" }));
        await RefreshAsync();
        return rotated;
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private string Signer(string algorithm) => server.Configuration.Keys.Signer(algorithm, server.Now).KeyId;

    private async Task TendAsync()
    {
        await server.Server.Services.GetRequiredService<KeyKeeper>().TendAsync();
        await RefreshAsync();
    }

    private Task RefreshAsync() => server.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);

    private async Task<List<string>> KeyIdsAsync()
    {
        using var client = server.Client(DeclaredStates.Spa);
        return [.. (await client.GetAsync("/.well-known/jwks.json")).Expect(HttpStatusCode.OK).Json.GetProperty("keys").EnumerateArray().Select(key => Text(key, "kid"))];
    }
}
