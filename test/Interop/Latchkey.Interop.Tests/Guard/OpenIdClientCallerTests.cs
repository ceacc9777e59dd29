using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Interop.Tests.Client;
using Latchkey.ResourceServer;
using Latchkey.Verification.DPoP;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchkey.Interop.Tests.Guard;

/// <summary>The API guard against openid-client's calls, with the access tokens of node oidc-provider.</summary>
public sealed class OpenIdClientCallerTests(OidcProvider provider)
{
    // What each call is answered: the status, and of a refusal the error and its code.
    private static readonly Dictionary<string, (int Status, string? Error, string? Code)> Bound = new()
    {
        ["with its proof"] = (200, null, null),
        ["the same proof again"] = (401, "invalid_dpop_proof", "LK-DPOP-REPLAYED"),
        ["with the next proof, and a query"] = (200, null, null),
        ["as Bearer"] = (401, "invalid_token", "LK-RS-BOUND"),
        ["as Bearer with a proof"] = (401, "invalid_token", "LK-RS-BOUND"),
        ["without a proof"] = (401, "invalid_dpop_proof", "LK-DPOP-MISSING"),
        ["a proof for another address"] = (401, "invalid_dpop_proof", "LK-DPOP-TARGET"),
        ["a proof for another method"] = (401, "invalid_dpop_proof", "LK-DPOP-METHOD"),
        ["a proof of another key"] = (401, "invalid_dpop_proof", "LK-DPOP-KEY-OTHER"),
        ["a proof for another token"] = (401, "invalid_dpop_proof", "LK-DPOP-TOKEN"),
    };

    [Theory, Spec("RFC 9449", "7"), Spec("RFC 9068", "4"), Check("R20")]
    [InlineData("ES256")]
    [InlineData("PS256")]
    [InlineData("RS256")]
    [InlineData("Ed25519")]
    public async Task A_machines_bound_tokens_count_with_their_own_fresh_proof_alone(string algorithm)
    {
        await using var api = await SampleAsync();
        await using var caller = Start("machine", api.Address, algorithm);
        var answers = await caller.FinishAsync();
        Assert.Equal("machine-dpop", JsonElement.Parse(answers.GetProperty("with its proof").GetProperty("body").GetString()!).GetProperty("client_id").GetString());
        Hold(answers, [.. Bound, new("an unbound token", (200, null, null)), new("an unbound token with a proof", (401, "invalid_token", "LK-RS-NOT-BOUND"))]);
    }

    [Fact, Spec("RFC 9449", "7"), Spec("RFC 8707", "2.2"), Check("R20")]
    public async Task A_persons_bound_tokens_too()
    {
        await using var api = await SampleAsync();
        await using var caller = Start("person", api.Address, "ES256");
        var url = (await caller.ReadAsync()).GetProperty("open").GetString()!;
        var back = await provider.AnswerAsync(new Uri(url));
        await caller.WriteAsync($"{OidcProvider.RedirectUri}?{string.Join('&', back.Pairs.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}"))}");
        var answers = await caller.FinishAsync();
        Assert.Equal("alice", JsonElement.Parse(answers.GetProperty("with its proof").GetProperty("body").GetString()!).GetProperty("sub").GetString());
        Hold(answers, Bound);
    }

    [Fact, Spec("RFC 9449", "9")]
    public async Task A_caller_that_is_asked_for_a_nonce_comes_again_with_it()
    {
        var builder = WebApplication.CreateSlimBuilder();
        var address = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        builder.WebHost.UseUrls(address);
        builder.Logging.ClearProviders();
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            (options.Issuer, options.Resource) = (provider.Issuer, OidcProvider.Api);
            options.Addresses.Add(address);
            options.DPoP.Required = true;
            options.DPoP.Nonces = DPoPNonceMode.Required;
        });
        await using var app = builder.Build();
        var statuses = new List<int>();
        app.Use(async (context, next) =>
        {
            await next(context);
            statuses.Add(context.Response.StatusCode);
        });
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/read", () => "read").RequireScope("api:read");
        await app.StartAsync();
        await using var caller = Start("nonce", address, "ES256");
        Hold(await caller.FinishAsync(), new Dictionary<string, (int, string?, string?)> { ["first"] = (200, null, null), ["second"] = (200, null, null) });
        // Asked once; the next call brought the nonce by itself.
        Assert.Equal([401, 200, 200], statuses);
    }

    private static void Hold(JsonElement answers, IEnumerable<KeyValuePair<string, (int Status, string? Error, string? Code)>> wanted)
    {
        var told = wanted.Select(call => (call.Key, call.Value, Answer: answers.GetProperty(call.Key))).ToList();
        Assert.Equal(answers.EnumerateObject().Count(), told.Count);
        Assert.All(told, call =>
        {
            Assert.True(call.Value.Status == call.Answer.GetProperty("status").GetInt32(), $"{call.Key}: {call.Answer}");
            if (call.Value.Error is null) return;
            var challenge = call.Answer.GetProperty("challenge").GetString()!;
            Assert.Contains($"error=\"{call.Value.Error}\", error_description=\"{call.Value.Code}: ", challenge, StringComparison.Ordinal);
        });
    }

    private async Task<Running> SampleAsync()
    {
        var address = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        return new(await SampleProgram.ListenAsync("api", "--issuer", provider.Issuer, "--resource", OidcProvider.Api, "--urls", address), address);
    }

    private NodeProgram Start(string scenario, string api, string algorithm) => NodeProgram.Start("guard-caller.mjs", new Dictionary<string, string>
    {
        ["SETTINGS"] = new JsonObject
        {
            ["issuer"] = provider.Issuer, ["api"] = api, ["resource"] = OidcProvider.Api, ["secret"] = OidcProvider.Secret, ["algorithm"] = algorithm,
            ["redirect_uri"] = OidcProvider.RedirectUri,
        }.ToJsonString(),
    }, scenario);

    private sealed record Running(SampleProgram Program, string Address) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Program.DisposeAsync();
    }
}
