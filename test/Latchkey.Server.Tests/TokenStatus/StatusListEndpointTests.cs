using System.Buffers.Text;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.TokenStatus;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.TokenStatus;

/// <summary>The Token Status List tells of every token that died before its time, and of no other.</summary>
[Spec("draft-ietf-oauth-status-list", "4.1")]
public sealed class StatusListEndpointTests(ClockedServer server) : IClassFixture<ClockedServer>, IDisposable
{
    private readonly HttpClient _http = new();

    public void Dispose() => _http.Dispose();

    [Fact, Spec("draft-ietf-oauth-status-list", "6.1"), Spec("draft-ietf-oauth-status-list", "5.1"), Spec("draft-ietf-oauth-status-list", "8.2")]
    public async Task A_list_is_signed_and_named_by_its_tokens()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var (index, address) = Reference((await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!);
        Assert.InRange(index, 0, StatusList.Size - 1);
        Assert.StartsWith(server.Issuer + "/status-lists/", address, StringComparison.Ordinal);
        using var answer = await _http.GetAsync(address);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/statuslist+jwt", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal("*", Assert.Single(answer.Headers.GetValues("Access-Control-Allow-Origin")));
        Assert.Equal(TimeSpan.FromSeconds(15), answer.Headers.CacheControl!.MaxAge);
        var token = await answer.Content.ReadAsStringAsync();
        var header = Jwt.Header(token);
        Assert.Equal("statuslist+jwt", header.GetProperty("typ").GetString());
        var claims = Jwt.Claims(token);
        Assert.Equal(address, claims.GetProperty("sub").GetString());
        Assert.Equal(server.Issuer, claims.GetProperty("iss").GetString());
        Assert.Equal(15, claims.GetProperty("ttl").GetInt64());
        Assert.Equal(server.Now / 1000, claims.GetProperty("iat").GetInt64());
        Assert.Equal(server.Now / 1000 + 3600, claims.GetProperty("exp").GetInt64());
        Assert.Equal(1, claims.GetProperty("status_list").GetProperty("bits").GetInt32());
        Assert.Equal(StatusList.Size / 8, Bits(claims).Length);
        // The whole list of good tokens is a few bytes.
        Assert.InRange(claims.GetProperty("status_list").GetProperty("lst").GetString()!.Length, 1, 100);
    }

    [Fact, Spec("draft-ietf-oauth-status-list", "8.1")]
    public async Task An_unchanged_list_is_not_sent_again()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var (_, address) = Reference(token);
        using var first = await _http.GetAsync(address);
        Assert.Equal(HttpStatusCode.NotModified, (await AskAsync(address, first.Headers.ETag!)).Status);
        await machine.RevokeAsync(token);
        var (status, tag) = await AskAsync(address, first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.NotEqual(first.Headers.ETag, tag);
    }

    [Fact, Spec("draft-ietf-oauth-status-list", "5.1")]
    public async Task A_list_is_signed_anew_well_before_it_ends()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var (_, address) = Reference((await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!);
        var first = (await ClaimsAsync(address)).GetProperty("exp").GetInt64();
        for (var i = 0; i < 7; i++)
        {
            server.Wait(600);
            Assert.InRange((await ClaimsAsync(address)).GetProperty("exp").GetInt64() - server.Now / 1000, 1200, 3600);
        }

        Assert.NotEqual(first, (await ClaimsAsync(address)).GetProperty("exp").GetInt64());
    }

    [Fact, Spec("RFC 7009", "2.1")]
    public async Task A_clients_own_token_is_revoked_alone()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var dead = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var alive = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        Assert.NotEqual(Reference(dead), Reference(alive));
        await machine.RevokeAsync(dead);
        Assert.True(await IsRevokedAsync(dead));
        Assert.False(await IsRevokedAsync(alive));
    }

    [Fact]
    public async Task All_access_tokens_of_a_grant_die_with_it()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var next = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        var other = await server.SignInAsync(web);
        Assert.False(await IsRevokedAsync(tokens.AccessToken));
        Assert.False(await IsRevokedAsync(next["access_token"]!));
        await web.RevokeAsync(next["refresh_token"]!);
        Assert.True(await IsRevokedAsync(tokens.AccessToken));
        Assert.True(await IsRevokedAsync(next["access_token"]!));
        Assert.False(await IsRevokedAsync(other.AccessToken));
    }

    [Fact]
    public async Task A_reused_refresh_token_a_replayed_code_and_the_end_of_a_session_reach_the_list_as_well()
    {
        using var web = server.Client(DeclaredStates.Web);
        var reused = await server.SignInAsync(web);
        var second = (await web.RefreshAsync(reused.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await web.RefreshAsync(second["refresh_token"]!)).Expect(HttpStatusCode.OK);
        (await web.RefreshAsync(reused.RefreshToken!)).ExpectError("invalid_grant");
        Assert.True(await IsRevokedAsync(reused.AccessToken));

        var (request, code) = await server.CodeAsync(web);
        var redeemed = (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        (await web.RedeemAsync(request, code)).ExpectError("invalid_grant");
        Assert.True(await IsRevokedAsync(redeemed["access_token"]!));

        using var bob = server.Server.Browser(DeclaredStates.Bob);
        var bound = await web.SignInAsync(bob, "openid");
        var grant = await server.GrantAsync(bound.RefreshToken!);
        await server.Database.WriteAsync(async sql => await Grants.RevokeBySessionAsync(sql, grant.SessionId!.Value, grant.Subject, server.Now));
        Assert.True(await IsRevokedAsync(bound.AccessToken));
    }

    [Fact, Spec("RFC 7009", "2.1")]
    public async Task A_revoked_access_token_takes_its_neighbours_along_at_apis_but_not_the_grant()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        await web.RevokeAsync(tokens.AccessToken);
        Assert.True(await IsRevokedAsync(tokens.AccessToken));
        var next = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        Assert.False(await IsRevokedAsync(next["access_token"]!));
        await web.RevokeAsync(next["refresh_token"]!);
        Assert.True(await IsRevokedAsync(next["access_token"]!));
    }

    [Fact]
    public async Task The_older_tokens_of_a_client_are_named_by_one_line()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var (_, address) = Reference((await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!);
        Assert.False((await ClaimsAsync(address)).TryGetProperty("revoked_before", out _));
        var limit = server.Now;
        await server.ExecuteAsync("UPDATE clients SET not_before = $1 WHERE client_id = 'es256'", limit);
        await server.ExecuteAsync("UPDATE configuration SET version = version + 1");
        await server.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync();
        Assert.Equal(limit / 1000, (await ClaimsAsync(address)).GetProperty("revoked_before").GetProperty("es256").GetInt64());
    }

    /// <summary>Clients that nobody declared are named nowhere, so all are meant by one line.</summary>
    [Fact]
    public async Task When_everything_is_ended_the_older_tokens_of_everybody_are()
    {
        await using var own = new ClockedServer();
        await own.InitializeAsync();
        using var machine = own.Client(DeclaredStates.Machine);
        var (_, address) = Reference((await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!);
        own.Wait(5);
        await new Latchkey.Server.Admin.GrantAdministration(own.Database, own.Clock, "cli").RevokeAllAsync();
        await own.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);
        Assert.Equal(own.Now / 1000, (await ClaimsAsync(address)).GetProperty("revoked_before").GetProperty("").GetInt64());
        // It need not be said longer than such tokens live.
        own.Wait(2 * 60 * 60);
        Assert.False((await ClaimsAsync(address)).TryGetProperty("revoked_before", out _));
    }

    [Theory, InlineData("900000"), InlineData("007"), InlineData("-1"), InlineData("x"), InlineData("9223372036854775807")]
    public async Task A_list_that_there_is_not_is_not_found(string number)
    {
        using var answer = await _http.GetAsync($"{server.Issuer}/status-lists/{number}");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task An_index_is_forgotten_when_its_tokens_have_expired()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        await machine.RevokeAsync(token);
        var janitor = server.Server.Services.GetRequiredService<Janitor>();
        server.Wait(3600);
        await janitor.SweepAsync();
        Assert.True(await IsRevokedAsync(token));
        server.Wait(4 * 3600);
        await janitor.SweepAsync();
        Assert.False(await IsRevokedAsync(token));
    }

    [Fact]
    public async Task Indexes_are_unique_however_many_ask_at_once()
    {
        var indexes = server.Server.Services.GetRequiredService<StatusIndexes>();
        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            var mine = new List<long>();
            while (mine.Count < 20_000)
            {
                if (indexes.Take() is { } index) mine.Add(index);
                else await Task.Yield();
            }

            return mine;
        })));
        Assert.Equal(160_000, taken.SelectMany(mine => mine).Distinct().Count());
    }

    private static (int Index, string Address) Reference(string token)
    {
        var list = Jwt.Claims(token).GetProperty("status").GetProperty("status_list");
        return (list.GetProperty("idx").GetInt32(), list.GetProperty("uri").GetString()!);
    }

    private async Task<JsonElement> ClaimsAsync(string address) => Jwt.Claims(await _http.GetStringAsync(address));

    private async Task<bool> IsRevokedAsync(string token)
    {
        var (index, address) = Reference(token);
        return (Bits(await ClaimsAsync(address))[index / 8] >> (index % 8) & 1) == 1;
    }

    private async Task<(HttpStatusCode Status, EntityTagHeaderValue? Tag)> AskAsync(string address, EntityTagHeaderValue tag)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.IfNoneMatch.Add(tag);
        using var answer = await _http.SendAsync(request);
        return (answer.StatusCode, answer.Headers.ETag);
    }

    private static byte[] Bits(JsonElement claims)
    {
        using var zlib = new ZLibStream(new MemoryStream(Base64Url.DecodeFromChars(claims.GetProperty("status_list").GetProperty("lst").GetString())), CompressionMode.Decompress);
        using var bits = new MemoryStream();
        zlib.CopyTo(bits);
        return bits.ToArray();
    }
}
