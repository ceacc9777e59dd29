using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Server.Admin;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.ClientAuthentication;

/// <summary>The clients of these tests have secrets of their own.</summary>
public sealed class SecretsServer : ClockedServer
{
    public static readonly TestClient Odd = new("odd id:%", "odd secret +%2B:\u00fc&=", TestClient.Basic, null);
    public static readonly TestClient Raw = new("raw", "raw+secret%41-0123456789", TestClient.Basic, null);
    public static readonly TestClient Turning = new("turning", "turning-secret-0123456789", TestClient.Basic, null);

    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        foreach (var client in (TestClient[])[Raw, Turning])
        {
            state.Add(client, declared =>
            {
                declared["grant_types"] = new JsonArray("client_credentials");
                declared["scope"] = "api:read";
            });
        }

        return state.Add(Odd with { Id = "odd:%" }, declared =>
        {
            declared["grant_types"] = new JsonArray("client_credentials");
            declared["scope"] = "api:read";
        });
    }
}

/// <summary><c>client_secret_basic</c>, <c>client_secret_post</c>, <c>none</c>.</summary>
public sealed class ClientSecretTests(SecretsServer server) : IClassFixture<SecretsServer>
{
    private static readonly (string, string?)[] Ask = [("grant_type", "client_credentials")];

    [Fact, Spec("RFC 6749", "2.3.1"), Spec("OAuth 2.1", "2.4.1"), Spec("OIDC Core", "9"), Check("A8"), Check("oidcc-server-client-secret-post")]
    public async Task A_secret_may_come_in_the_header_or_in_the_form()
    {
        using var basic = server.Client(DeclaredStates.Machine);
        using var post = server.Client(DeclaredStates.Machine with { Method = TestClient.Post });
        (await basic.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
        (await post.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
        // The client's own id in the form beside the header is no second method.
        (await basic.TokenAsync([.. Ask, ("client_id", "machine")])).Expect(HttpStatusCode.OK);

        using var registeredForPost = server.Client(DeclaredStates.Post);
        var tokens = await server.SignInAsync(registeredForPost);
        using var byHeader = server.Client(DeclaredStates.Post with { Method = TestClient.Basic });
        (await byHeader.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Check("M4"), Spec("RFC 6749", "2.3.1")]
    public async Task Basic_credentials_are_taken_form_encoded_and_raw()
    {
        using var odd = server.Client(SecretsServer.Odd with { Id = "odd:%" });
        (await odd.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
        using var raw = server.Client(SecretsServer.Raw);
        (await raw.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
        (await WithHeaderAsync("Basic " + Base64($"{SecretsServer.Raw.Id}:{SecretsServer.Raw.Secret}"))).Expect(HttpStatusCode.OK);
        (await WithHeaderAsync("bAsIc " + Base64($"machine:{DeclaredStates.Machine.Secret}"))).Expect(HttpStatusCode.OK);
    }

    public static TheoryData<string> Malformed =>
    [
        "Basic", "Basic ", "Basic !!!!", "Basic " + Base64("no-colon"), "Basic " + Base64(":only-a-secret"), "Basic " + Base64("machine\0:secret"),
        "Basic " + Base64("machine:\r\n"), "Basic " + Convert.ToBase64String([0x6d, 0x3a, 0xff, 0xfe]), "Basic " + Base64($"machine:{DeclaredStates.Machine.Secret}").TrimEnd('=')[..^2],
        "Bearer " + Base64($"machine:{DeclaredStates.Machine.Secret}"), "Digest username=\"machine\"", "DPoP abc", "Negotiate", "Basic " + Base64("machine:wrong"),
        "Basic " + Base64("nobody:wrong"), "Basic " + Base64("machine:"), "Basic " + Base64("spa:a-secret"), "Basic " + Base64("%zz:%"),
        "Basic " + Base64(new string('x', 9000) + ":y"),
    ];

    [Theory, MemberData(nameof(Malformed)), Spec("RFC 6749", "5.2"), Spec("OAuth 2.1", "3.2.4"), Check("A30"), Check("A31")]
    public async Task A_header_that_proves_nothing_gets_401_and_is_told_how(string header)
    {
        foreach (var path in (string[])["/token", "/revoke", "/introspect", "/device/code"])
        {
            var answer = (await WithHeaderAsync(header, path)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
            Assert.Equal($"Basic realm=\"{server.Issuer}\", charset=\"UTF-8\"", answer.Header("WWW-Authenticate"));
            Token.TokenEndpointTests.AssertErrorForm(answer);
        }
    }

    [Fact, Spec("RFC 6749", "5.2"), Check("A31")]
    public async Task An_unknown_client_and_a_wrong_secret_get_the_same_answer()
    {
        using var wrong = server.Client(DeclaredStates.Machine with { Secret = "wrong-secret-0123456789", Method = TestClient.Post });
        using var unknown = server.Client(new TestClient("nobody", "wrong-secret-0123456789", TestClient.Post, null));
        using var publicClient = server.Client(DeclaredStates.Spa with { Secret = "a-secret-0123456789", Method = TestClient.Post });
        using var assertion = server.Client(DeclaredStates.Assertion with { Secret = "a-secret-0123456789", Method = TestClient.Post });
        var answers = new List<Answer>();
        foreach (var client in (OAuthClient[])[wrong, unknown, publicClient, assertion])
        {
            var answer = (await client.TokenAsync(Ask)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
            Assert.Null(answer.Header("WWW-Authenticate"));
            answers.Add(answer);
        }

        Assert.Single(answers.Select(answer => answer.Body).Distinct());
    }

    public static TheoryData<string, (string, string?)[]> TwoMethods => new()
    {
        { TestClient.Basic, [("client_secret", DeclaredStates.Machine.Secret)] },
        { TestClient.Basic, [("client_id", "machine"), ("client_secret", DeclaredStates.Machine.Secret)] },
        { TestClient.Basic, [("client_assertion_type", ClientAssertions.AssertionType), ("client_assertion", "a.b.c")] },
        { TestClient.Basic, [("client_assertion_type", ClientAssertions.AssertionType)] },
        { TestClient.Post, [("client_assertion_type", ClientAssertions.AssertionType), ("client_assertion", "a.b.c")] },
        { TestClient.Basic, [("client_id", "web")] },
    };

    [Theory, MemberData(nameof(TwoMethods)), Spec("RFC 6749", "2.3"), Check("A31")]
    public async Task Two_methods_or_two_ids_at_once_are_refused(string method, (string, string?)[] more)
    {
        using var client = server.Client(DeclaredStates.Machine with { Method = method });
        (await client.TokenAsync([.. Ask, .. more])).ExpectError("invalid_request");
    }

    [Fact, Spec("RFC 6749", "2.2"), Spec("RFC 6749", "3.2.1")]
    public async Task A_client_id_alone_proves_nothing()
    {
        using var bare = server.Client(DeclaredStates.Machine with { Method = TestClient.None });
        (await bare.TokenAsync(Ask)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        var answer = (await bare.TokenAsync([.. Ask, ("client_id", "")])).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.Contains("names no client", answer.ErrorDescription, StringComparison.Ordinal);
    }

    [Fact, Check("M5"), Spec("OAuth 2.1", "3.2.2"), Spec("RFC 8252", "8.5")]
    public async Task A_public_client_may_send_an_empty_secret_and_no_other()
    {
        using var spa = server.Client(DeclaredStates.Spa);
        var token = (await server.SignInAsync(spa)).RefreshToken!;
        token = (await spa.RefreshAsync(token, ("client_secret", ""))).Expect(HttpStatusCode.OK)["refresh_token"]!;
        using var header = server.Client(DeclaredStates.Spa with { Method = TestClient.Basic, Secret = "" });
        token = (await header.RefreshAsync(token)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        (await spa.RefreshAsync(token, ("client_secret", "anything"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        using var wrong = server.Client(DeclaredStates.Spa with { Method = TestClient.Basic, Secret = "anything" });
        (await wrong.RefreshAsync(token)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Two_secrets_live_side_by_side_until_the_old_one_ends()
    {
        var administration = new ClientAdministration(server.Database, server.Clock, "cli");
        var secret = await administration.RotateSecretAsync(SecretsServer.Turning.Id, TimeSpan.FromSeconds(600));
        Assert.StartsWith(SecretHasher.SecretPrefix, secret, StringComparison.Ordinal);
        await server.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);
        using var old = server.Client(SecretsServer.Turning);
        using var fresh = server.Client(SecretsServer.Turning with { Secret = secret });
        (await old.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
        (await fresh.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
        server.Wait(601);
        (await old.TokenAsync(Ask)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await fresh.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 6749", "2.3.1"), Spec("RFC 7009", "5"), Spec("OAuth 2.1", "2.4.1"), Check("A31")]
    public async Task Who_guesses_secrets_is_slowed_down_and_who_knows_one_is_not()
    {
        using var right = server.Client(DeclaredStates.Machine);
        using var wrong = server.Client(DeclaredStates.Machine with { Secret = "wrong-secret-0123456789" });
        (await right.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
        // All but one of the guesses of a minute, without paying for them here.
        var limit = server.Server.Services.GetRequiredService<RateLimits>().ClientSecret;
        var taken = 0;
        while (limit.TryTake("127.0.0.1", out _)) taken++;
        Assert.InRange(taken, 500, 600);
        limit.GiveBack("127.0.0.1");
        (await wrong.TokenAsync(Ask)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        foreach (var path in (string[])["/token", "/introspect", "/revoke"])
        {
            var answer = await wrong.PostAsync(path, [.. Ask, ("token", "x")]);
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.Status);
            Assert.NotNull(answer.Header("Retry-After"));
        }

        (await right.TokenAsync(Ask)).Expect(HttpStatusCode.OK);
        server.Wait(60);
        (await wrong.TokenAsync(Ask)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task No_secret_lies_in_the_database()
    {
        var hashes = (await server.Database.ReadAsync(Clients.ListSecretsAsync)).Select(secret => secret.Hash).ToList();
        Assert.All(hashes, hash => Assert.Matches("^(sha256|password):", hash));
        Assert.NotEqual(SecretHasher.HashChosen("the same"), SecretHasher.HashChosen("the same"));
        Assert.True(SecretHasher.Verify(SecretHasher.HashChosen("the same"), "the same"));
        Assert.False(SecretHasher.Verify(SecretHasher.HashGenerated("the same"), "another"));
        Assert.Matches("^lks_[A-Za-z0-9_-]{43}$", SecretHasher.NewSecret());
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private async Task<Answer> WithHeaderAsync(string header, string path = "/token")
    {
        using var client = server.Client(DeclaredStates.Spa);
        var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + path)
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("token", "x"), new("scope", "api:read")]),
        };
        request.Headers.TryAddWithoutValidation("Authorization", header);
        return await client.SendAsync(request);
    }
}
