using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Client.Tests.Rogue;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Client.Tests.Authorization;

/// <summary>ID tokens by OpenID Connect Core section 3.1.3.7, each wrong in one way.</summary>
public sealed class IdTokenTests
{
    private static readonly Dictionary<string, (Action<JsonObject>? Claims, Action<JsonObject>? Header, string Code)> Faults = new(StringComparer.Ordinal)
    {
        ["alg none"] = (null, header => header["alg"] = "none", "LK-JWT-ALGORITHM"),
        ["alg None"] = (null, header => header["alg"] = "None", "LK-JWT-ALGORITHM"),
        ["HS256 with the public key"] = (null, header => header["alg"] = "HS256", "LK-JWT-ALGORITHM"),
        ["an access token"] = (null, header => header["typ"] = "at+jwt", "LK-JWT-TYPE"),
        ["a logout token"] = (null, header => header["typ"] = "logout+jwt", "LK-JWT-TYPE"),
        ["crit"] = (null, header => header["crit"] = new JsonArray("x"), "LK-JWT-CRITICAL"),
        ["another issuer"] = (claims => claims["iss"] = "https://evil.example", null, "LK-JWT-ISSUER"),
        ["the issuer with a slash"] = (claims => claims["iss"] = claims["iss"]!.GetValue<string>() + "/", null, "LK-JWT-ISSUER"),
        ["no issuer"] = (claims => claims.Remove("iss"), null, "LK-JWT-ISSUER"),
        ["another audience"] = (claims => claims["aud"] = "another-client", null, "LK-JWT-AUDIENCE"),
        ["no audience"] = (claims => claims.Remove("aud"), null, "LK-JWT-AUDIENCE"),
        ["two audiences without azp"] = (claims => claims["aud"] = new JsonArray(RogueProvider.ClientId, "another-client"), null, "LK-CLIENT-ID-TOKEN-AZP-MISSING"),
        ["azp of another client"] = (claims => claims["azp"] = "another-client", null, "LK-CLIENT-ID-TOKEN-AZP"),
        ["azp that is no string"] = (claims => claims["azp"] = 7, null, "LK-CLIENT-ID-TOKEN-CLAIM"),
        ["expired"] = (claims => claims["exp"] = claims["iat"]!.GetValue<long>() - 31, null, "LK-JWT-EXPIRED"),
        ["no exp"] = (claims => claims.Remove("exp"), null, "LK-JWT-EXPIRY-MISSING"),
        ["exp as text"] = (claims => claims["exp"] = "tomorrow", null, "LK-JWT-EXPIRY-MISSING"),
        ["issued in the future"] = (claims => claims["iat"] = claims["iat"]!.GetValue<long>() + 31, null, "LK-JWT-ISSUED-IN-FUTURE"),
        ["no iat"] = (claims => claims.Remove("iat"), null, "LK-CLIENT-ID-TOKEN-CLAIM"),
        ["no sub"] = (claims => claims.Remove("sub"), null, "LK-CLIENT-ID-TOKEN-CLAIM"),
        ["empty sub"] = (claims => claims["sub"] = "", null, "LK-CLIENT-ID-TOKEN-CLAIM"),
        ["sub as number"] = (claims => claims["sub"] = 7, null, "LK-CLIENT-ID-TOKEN-CLAIM"),
        ["no nonce"] = (claims => claims.Remove("nonce"), null, "LK-CLIENT-NONCE-MISSING"),
        ["another nonce"] = (claims => claims["nonce"] = "another", null, "LK-CLIENT-NONCE-MISMATCH"),
        ["at_hash of another token"] = (claims => claims["at_hash"] = Half(SHA256.HashData("another"u8)), null, "LK-CLIENT-AT-HASH-MISMATCH"),
        ["at_hash as number"] = (claims => claims["at_hash"] = 7, null, "LK-CLIENT-AT-HASH-MISMATCH"),
    };

    private static readonly Dictionary<string, Action<JsonObject>?> Good = new(StringComparer.Ordinal)
    {
        ["as it is"] = null,
        ["audience as a list"] = claims => claims["aud"] = new JsonArray(RogueProvider.ClientId),
        ["two audiences and azp"] = claims =>
        {
            claims["aud"] = new JsonArray("another-client", RogueProvider.ClientId);
            claims["azp"] = RogueProvider.ClientId;
        },
        ["azp alone"] = claims => claims["azp"] = RogueProvider.ClientId,
        ["30 s late"] = claims => claims["exp"] = claims["iat"]!.GetValue<long>() - 29,
        ["30 s early"] = claims => claims["iat"] = claims["iat"]!.GetValue<long>() + 30,
        ["at_hash"] = claims => claims["at_hash"] = Half(SHA256.HashData(Encoding.ASCII.GetBytes(RogueProvider.AccessToken))),
    };

    public static TheoryData<string> FaultNames => [.. Faults.Keys];

    public static TheoryData<string> GoodNames => [.. Good.Keys];

    [Theory, MemberData(nameof(FaultNames)), Spec("OIDC Core", "3.1.3.7"), Check("C8"), Check("C3")]
    public async Task A_token_that_is_wrong_in_one_way_is_refused(string fault)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var (claims, header, code) = Faults[fault];
        await Refused.ByAsync(code, () => rogue.SignInAsync(client, claims, header), RogueProvider.AccessToken, RogueProvider.Subject);
    }

    [Theory, Spec("RFC 9110", "6.6.1")]
    [InlineData(-600, "LK-JWT-ISSUED-IN-FUTURE", "behind")]
    [InlineData(3600, "LK-JWT-EXPIRED", "ahead of")]
    public async Task A_token_that_is_refused_for_a_clock_that_is_wrong_says_so(int offset, string code, string expected)
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Clock.SetUtcNow(TimeProvider.System.GetUtcNow());
        using var client = rogue.Client(clock: new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddSeconds(offset)));
        Assert.Null(client.ProviderClockOffset);
        var exception = await Assert.ThrowsAsync<OAuthException>(() => rogue.SignInAsync(client));
        Assert.Equal(code, exception.Refusal!.Code);
        Assert.Contains(expected + " the provider's", exception.Message, StringComparison.Ordinal);
        Assert.InRange(client.ProviderClockOffset!.Value.TotalSeconds + offset, -60, 60);
    }

    [Theory, MemberData(nameof(GoodNames)), Spec("OIDC Core", "3.1.3.7"), Check("C8")]
    public async Task A_token_that_is_right_is_taken(string name)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var tokens = await rogue.SignInAsync(client, Good[name]);
        Assert.Equal(RogueProvider.Subject, tokens.IdToken!.Subject);
        Assert.DoesNotContain(RogueProvider.Subject, tokens.IdToken.ToString() + tokens, StringComparison.Ordinal);
    }

    [Fact, Spec("OIDC Core", "3.1.3.7"), Check("C8")]
    public async Task A_signature_of_another_key_or_a_changed_payload_is_refused()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        // The stranger's key under the name of the provider's own.
        await Refused.ByAsync("LK-JWT-SIGNATURE", () => rogue.SignInAsync(client, null, header => header["kid"] = TestKeys.Rsa.KeyId, TestKeys.OtherRsa));
        await Refused.ByAsync("LK-JWT-KEY-UNKNOWN", () => rogue.SignInAsync(client, key: TestKeys.OtherRsa));

        var start = await client.StartAuthorizationAsync();
        var parts = rogue.IdToken(start).Split('.');
        var other = rogue.IdToken(start, claims => claims["sub"] = "admin").Split('.');
        foreach (var token in (string[])[$"{parts[0]}.{other[1]}.{parts[2]}", $"{parts[0]}.{parts[1]}.", $"{parts[0]}.{parts[1]}"])
        {
            rogue.Token["id_token"] = token;
            start = await client.StartAuthorizationAsync();
            await Assert.ThrowsAsync<OAuthException>(() => client.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start)));
        }
    }

    [Fact, Spec("OIDC Core", "10.1.1"), Check("C10")]
    public async Task A_new_key_is_found_and_a_single_key_needs_no_name()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        await rogue.SignInAsync(client, header: header => header.Remove("kid"));

        rogue.Published.Add(TestKeys.OtherRsa);
        rogue.Published.Remove(TestKeys.Rsa);
        var tokens = await rogue.SignInAsync(client, key: TestKeys.OtherRsa);
        Assert.Equal(RogueProvider.Subject, tokens.IdToken!.Subject);
    }

    [Fact, Spec("OIDC Core", "3.1.3.7"), Check("C8")]
    public async Task Only_the_algorithms_of_the_list_are_taken()
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Published.Add(TestKeys.Elliptic);
        using var any = rogue.Client();
        await rogue.SignInAsync(any, key: TestKeys.Elliptic);
        using var elliptic = rogue.Client(options =>
        {
            options.SigningAlgorithms.Clear();
            options.SigningAlgorithms.Add("ES256");
        });
        await rogue.SignInAsync(elliptic, key: TestKeys.Elliptic);
        await Refused.ByAsync("LK-JWT-ALGORITHM", () => rogue.SignInAsync(elliptic, key: TestKeys.Rsa));
    }

    [Theory, Spec("OIDC Core", "3.1.2.1"), Check("C8")]
    [InlineData(60, -91, "LK-CLIENT-AUTH-TIME")]
    [InlineData(60, null, "LK-CLIENT-AUTH-TIME")]
    [InlineData(60, -90, null)]
    [InlineData(null, -100_000, null)]
    public async Task Max_age_is_checked_and_not_only_asked_for(int? maxAge, int? authenticated, string? code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        void Claims(JsonObject claims)
        {
            claims.Remove("auth_time");
            if (authenticated is { } ago) claims["auth_time"] = rogue.Clock.GetUtcNow().ToUnixTimeSeconds() + ago;
        }

        Task<TokenSet> SignIn() => rogue.SignInAsync(client, Claims, parameters: new() { MaxAge = maxAge });
        if (code is null) await SignIn();
        else await Refused.ByAsync(code, SignIn);
    }

    [Fact, Spec("OIDC Core", "3.1.3.3"), Check("C8")]
    public async Task Who_asks_for_openid_gets_an_ID_token_or_an_error()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        await Refused.ByAsync("LK-CLIENT-ID-TOKEN-MISSING", () => client.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start)));

        using var without = rogue.Client(options => options.Scope = "api:read");
        start = await without.StartAuthorizationAsync();
        Assert.Null((await without.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start))).IdToken);
    }

    [Theory, Spec("OIDC Core", "12.2"), Check("C8")]
    [InlineData("sub", "person-2", "LK-CLIENT-REFRESH-MISMATCH")]
    [InlineData("aud", "+another-client", "LK-CLIENT-REFRESH-MISMATCH")]
    [InlineData("nonce", "another", "LK-CLIENT-REFRESH-MISMATCH")]
    [InlineData("auth_time", 1, "LK-CLIENT-REFRESH-MISMATCH")]
    [InlineData("azp", RogueProvider.ClientId, "LK-CLIENT-REFRESH-MISMATCH")]
    [InlineData("iss", "https://evil.example", "LK-JWT-ISSUER")]
    [InlineData("nonce", null, null)]
    public async Task A_refreshed_ID_token_is_about_the_same_sign_in(string claim, object? value, string? code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Token["refresh_token"] = "refresh-1";
        var first = await rogue.SignInAsync(client);
        rogue.Token["id_token"] = rogue.IdToken(null, claims =>
        {
            claims["auth_time"] = first.IdToken!.Claims.GetProperty("auth_time").GetInt64();
            if (value is string text && text.StartsWith('+'))
            {
                claims["aud"] = new JsonArray(RogueProvider.ClientId, text[1..]);
                claims["azp"] = RogueProvider.ClientId;
            }
            else if (value is not null)
            {
                claims[claim] = JsonValue.Create(value);
            }
        });
        Task<TokenSet> Refresh() => client.RefreshAsync(first.RefreshToken!, first.IdToken);
        if (code is null)
        {
            Assert.Equal(RogueProvider.Subject, (await Refresh()).IdToken!.Subject);
            return;
        }

        await Refused.ByAsync(code, Refresh, "refresh-1");
    }

    private static string Half(byte[] hash) => Base64Url.EncodeToString(hash.AsSpan(0, hash.Length / 2));
}
