using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>PKCE: S256 from every client, bound to the code, and no way down from it.</summary>
[Spec("RFC 7636"), Spec("OAuth 2.1", "4.1.1"), Spec("RFC 9700", "2.1.1")]
public sealed class PkceTests(AuthorizeServer server)
{
    private const string Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    private const string Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    [Theory, Check("A19"), Spec("RFC 7636", "4.4.1"), Spec("RFC 7636", "4.3"), Spec("OAuth 2.1", "4.1.2.1"), Spec("RFC 7636", "4.2"), Spec("RFC 8252", "8.1")]
    [InlineData("!code_challenge&!code_challenge_method")]
    [InlineData("code_challenge=&code_challenge_method=")]
    [InlineData("!code_challenge")]
    [InlineData("!code_challenge_method")]
    [InlineData("code_challenge_method=")]
    [InlineData("code_challenge_method=plain")]
    [InlineData("code_challenge_method=s256")]
    [InlineData("code_challenge_method=S512")]
    [InlineData("code_challenge_method=S256 plain")]
    [InlineData("code_challenge=" + Challenge + "=")]
    [InlineData("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")]
    [InlineData("code_challenge=E9Melhoa2O")]
    [InlineData("code_challenge=" + Challenge + "x")]
    [InlineData("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c!")]
    public async Task A_request_without_an_S256_challenge_is_refused(string changes)
    {
        foreach (var client in (TestClient[])[DeclaredStates.Web, DeclaredStates.Spa, DeclaredStates.Native])
        {
            var redirectUri = client == DeclaredStates.Native ? "&redirect_uri=http://127.0.0.1/callback" : "";
            var description = (await server.AskAsync(client, changes + redirectUri)).ExpectError("invalid_request");
            Assert.Contains("code_challenge", description, StringComparison.Ordinal);
            Assert.Contains("S256", description, StringComparison.Ordinal);
        }
    }

    [Theory, Spec("RFC 7636", "4.4.1")]
    [InlineData("!code_challenge")]
    [InlineData("code_challenge_method=plain")]
    [InlineData("!code_challenge_method")]
    public async Task A_client_that_need_not_send_a_challenge_may_not_send_a_weak_one(string changes) =>
        (await server.AskAsync(DeclaredStates.WithoutPkce, changes)).ExpectError("invalid_request");

    [Fact, Spec("RFC 7636", "4.2"), Spec("RFC 7636", "4.6")]
    public async Task The_example_of_appendix_B_is_accepted()
    {
        var asked = await server.AskAsync(DeclaredStates.Web, "code_challenge=" + Challenge);
        using var web = server.Client(DeclaredStates.Web);
        (await web.RedeemAsync(asked.Request, asked.ExpectCode(), ("code_verifier", Verifier))).Expect(HttpStatusCode.OK);
    }

    [Theory, Check("A20"), Spec("RFC 7636", "4.5"), Spec("RFC 7636", "4.6"), Spec("RFC 7636", "4.1"), Spec("OAuth 2.1", "4.1.3")]
    [InlineData(null, "invalid_grant invalid_request")]
    [InlineData("", "invalid_grant invalid_request")]
    [InlineData(Challenge, "invalid_grant")]
    [InlineData("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", "invalid_grant")]
    [InlineData("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX", "invalid_grant invalid_request")]
    [InlineData(Verifier + "=", "invalid_grant invalid_request")]
    [InlineData(" " + Verifier, "invalid_grant invalid_request")]
    [InlineData(Verifier + Verifier + Verifier + "x", "invalid_grant invalid_request")]
    public async Task Only_the_verifier_of_the_challenge_redeems_the_code(string? verifier, string errors)
    {
        foreach (var client in (TestClient[])[DeclaredStates.Web, DeclaredStates.WithoutPkce])
        {
            var (code, request, program) = await CodeAsync(client, Challenge);
            using (program)
            {
                var refused = await program.RedeemAsync(request, code, ("code_verifier", verifier));
                Assert.Contains(refused.Expect(HttpStatusCode.BadRequest).Error, errors.Split(' '));
                // A wrong verifier consumes nothing: whoever has the right one still gets the tokens.
                (await program.RedeemAsync(request, code, ("code_verifier", Verifier))).Expect(HttpStatusCode.OK);
            }
        }
    }

    [Theory, Check("A20"), Spec("RFC 7636", "4.1")]
    [InlineData(42, false)]
    [InlineData(43, true)]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public async Task A_verifier_has_43_to_128_characters_even_if_its_hash_is_right(int length, bool accepted)
    {
        var verifier = new string('a', length);
        var (code, request, program) = await CodeAsync(DeclaredStates.Web, Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))));
        using (program)
            (await program.RedeemAsync(request, code, ("code_verifier", verifier))).Expect(accepted ? HttpStatusCode.OK : HttpStatusCode.BadRequest);
    }

    [Fact, Check("A20"), Spec("RFC 9700", "4.8.2"), Spec("OAuth 2.1", "3.2.4")]
    public async Task A_verifier_for_a_code_without_challenge_is_refused()
    {
        var (code, request, program) = await CodeAsync(DeclaredStates.WithoutPkce, null);
        using (program)
        {
            var refused = await program.RedeemAsync(request, code, ("code_verifier", Verifier));
            Assert.Contains(refused.Expect(HttpStatusCode.BadRequest).Error, (string[])["invalid_grant", "invalid_request"]);
        }
    }

    [Fact, Spec("RFC 7636", "4.4"), Spec("OAuth 2.1", "4.1.2")]
    public async Task The_verifier_of_another_request_does_not_redeem_the_code()
    {
        var (code, request, program) = await CodeAsync(DeclaredStates.Web, Challenge);
        using (program) (await program.RedeemAsync(request, code)).ExpectError("invalid_grant");
    }

    [Fact, Spec("RFC 7636", "4.4"), Spec("OAuth 2.1", "4.1.2")]
    public async Task The_challenge_can_not_be_read_out_of_the_code()
    {
        var (code, _, program) = await CodeAsync(DeclaredStates.Web, Challenge);
        program.Dispose();
        Assert.DoesNotContain(Challenge, code, StringComparison.Ordinal);
        var bytes = Base64Url.DecodeFromChars(code[(code.IndexOf('_', StringComparison.Ordinal) + 1)..]);
        Assert.Equal(-1, bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Challenge)));
        Assert.Equal(-1, bytes.AsSpan().IndexOf(Base64Url.DecodeFromChars(Challenge)));
    }

    [Fact, Spec("RFC 6749", "10.10"), Spec("OAuth 2.1", "7.7"), Check("A38")]
    public async Task No_two_codes_have_more_in_common_than_chance_gives()
    {
        var codes = new List<string>();
        for (var i = 0; i < 50; i++) codes.Add((await server.AskAsync(DeclaredStates.Web)).ExpectCode());
        Assert.Equal(codes.Count, codes.Distinct().Count());
        // AES-GCM under a nonce of 96 random bits: the sealed part as a whole differs each time.
        Assert.All(codes, code => Assert.True(code.Length >= 64));
        Assert.Equal(codes.Count, codes.Select(code => code[^32..]).Distinct().Count());
        Assert.Equal(codes.Count, codes.Select(code => code[8..24]).Distinct().Count());
    }

    private async Task<(string Code, AuthorizationRequest Request, OAuthClient Program)> CodeAsync(TestClient client, string? challenge)
    {
        using var alice = server.Alice();
        var program = server.Client(client);
        var request = program.Request("openid", [("code_challenge", challenge), ("code_challenge_method", challenge is null ? null : "S256")]);
        return ((await alice.AuthorizeAsync(request.Url)).ExpectCode(request), request, program);
    }
}
