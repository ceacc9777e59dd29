using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Testing.Tests;

public sealed class NegativeTokensTests
{
    /// <summary>What stock JwtBearer lets through with its defaults: the reason to prove an API with these tokens.</summary>
    private static readonly string[] StockAccepts =
    [
        "R3 expired two minutes ago", "R4 was issued in the future", "R10 is an ID token", "R10 is a logout token", "R10 is of type JWT", "R10 is of type dpop+jwt", "R10 has no type",
        "R10 has no subject", "R12 has an unencoded payload", "R12 demands an unknown extension", "R14 has no scope", "R14 has a scope that only begins like the right one",
        "R20 is bound to a DPoP key and comes as Bearer", "R34 is bound to a certificate and comes without",
    ];

    public static IEnumerable<object[]> Bad => NegativeTokens.All(AppFactory.Api).Rows;

    [Fact]
    public async Task Stock_JwtBearer_lets_just_these_through()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = AppFactory.Bearer();
        await using var app = factory.UseAuthority(authority);
        using var http = app.CreateClient();
        var accepted = new List<string>();
        foreach (var token in NegativeTokens.All(AppFactory.Api))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/things");
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token.Create(authority));
            using var response = await http.SendAsync(request);
            if (response.StatusCode == HttpStatusCode.OK) accepted.Add(token.ToString());
            else if (token.Status == 401) NegativeTokens.ShouldBeRefused(token, response);
        }

        Assert.Equal(StockAccepts.Order(StringComparer.Ordinal), accepted.Order(StringComparer.Ordinal));
    }

    [Fact, Check("R11")]
    public async Task A_key_that_a_token_offers_is_the_one_that_signed_it()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var http = authority.CreateClient();
        var inside = authority.Token().EmbeddedKey().Sign();
        Assert.True(await VerifiesAsync(inside, Jwt.Header(inside).GetProperty("jwk").GetRawText()));

        var elsewhere = authority.Token().SignedWith("ES256").KeyElsewhere().Sign();
        var header = Jwt.Header(elsewhere);
        var keys = await http.GetFromJsonAsync<JsonElement>(header.GetProperty("jku").GetString());
        var key = keys.GetProperty("keys").EnumerateArray().Single(each => each.GetProperty("kid").GetString() == header.GetProperty("kid").GetString());
        Assert.True(await VerifiesAsync(elsewhere, key.GetRawText()));
        // None of it is the authority's.
        Assert.DoesNotContain("unknown-", await http.GetStringAsync(".well-known/jwks.json"), StringComparison.Ordinal);
    }

    private static async Task<bool> VerifiesAsync(string token, string jwk) => (await new JsonWebTokenHandler().ValidateTokenAsync(
        token, new TokenValidationParameters { IssuerSigningKey = new JsonWebKey(jwk), ValidateAudience = false, ValidateIssuer = false, ValidateLifetime = false })).IsValid;

    [Theory, MemberData(nameof(Bad))]
    public void Every_one_names_itself_its_check_and_what_must_come_back(NegativeToken token)
    {
        Assert.Matches("^R[0-9]+$", token.Check);
        Assert.StartsWith(token.Check + " ", token.ToString(), StringComparison.Ordinal);
        Assert.Contains(token.Status, (int[])[401, 403]);
        Assert.NotEmpty(token.Source);
    }

    [Fact]
    public void An_api_that_accepts_one_is_told_which()
    {
        var token = NegativeTokens.All(AppFactory.Api).Only("R5")[0];
        using var answer = new HttpResponseMessage(HttpStatusCode.OK);
        var failure = Assert.Throws<AuthorityAssertionException>(() => NegativeTokens.ShouldBeRefused(token, answer));
        Assert.Equal("Expected 401 invalid_token for a token that is unsigned (none) (R5, RFC 8725 3.2), got 200 without a challenge", failure.Message);
    }
}
