using System.Text.Json.Nodes;

namespace Latchkey.Testing.Mock;

/// <summary>Reads which fault a test in another language wants.</summary>
internal static class FaultOrders
{
    public static AuthorityFault Read(JsonObject order)
    {
        var seconds = (double?)order["seconds"] is { } number ? TimeSpan.FromSeconds(number) : (TimeSpan?)null;
        return (string?)order["fault"] switch
        {
            "server_error" => AuthorityFault.ServerError(),
            "status" => AuthorityFault.Status((int?)order["status"] ?? 500),
            "error" => AuthorityFault.OAuthError((string?)order["error"] ?? "invalid_grant", (string?)order["error_description"], (int?)order["status"] ?? 400),
            "too_many_requests" => AuthorityFault.TooManyRequests(seconds),
            "unavailable" => AuthorityFault.Unavailable(seconds),
            "use_dpop_nonce" => AuthorityFault.UseDPoPNonce((string?)order["nonce"] ?? "a-nonce-of-the-authority"),
            "html" => AuthorityFault.Html(),
            "malformed_json" => AuthorityFault.MalformedJson(),
            "empty_body" => AuthorityFault.EmptyBody(),
            "large_body" => AuthorityFault.LargeBody((int?)order["bytes"] ?? 10 * 1024 * 1024),
            "endless_body" => AuthorityFault.EndlessBody(),
            "redirect" => AuthorityFault.Redirect((string?)order["location"] ?? "https://elsewhere.example/"),
            "slow" => AuthorityFault.Slow(seconds ?? TimeSpan.FromSeconds(5)),
            "hang" => AuthorityFault.Hang(),
            "disconnect" => AuthorityFault.Disconnect(),
            "lost_answer" => AuthorityFault.LostAnswer(),
            "no_refresh_token" => AuthorityFault.NoRefreshToken(),
            "without" => AuthorityFault.Without((string?)order["member"] ?? "access_token"),
            var other => throw new ArgumentException(
                $"There is no fault \"{other}\"; there are server_error, status, error, too_many_requests, unavailable, use_dpop_nonce, html, malformed_json, empty_body, large_body, endless_body, redirect, slow, hang, disconnect, lost_answer, no_refresh_token and without."),
        };
    }
}
