using System.Net;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>What every answer of <c>/authorize</c> must be, whatever the test is about.</summary>
internal static class AuthorizeAssertions
{
    /// <summary>A code at the client's redirect URI, with <c>state</c> as sent and <c>iss</c>, and nothing else.</summary>
    public static string ExpectCode(this Stop stop, AuthorizationRequest request)
    {
        var answer = stop.Answer;
        Assert.True(answer.Code is not null, $"Expected a code at the client, came to {stop}");
        ExpectParameters(stop, request, "code");
        ExpectDestination(stop, request);
        return answer.Code;
    }

    /// <summary>An error at the client's redirect URI, with <c>state</c> as sent, <c>iss</c> and a description that a developer can read.</summary>
    public static string ExpectError(this Stop stop, AuthorizationRequest request, string error)
    {
        var answer = stop.Answer;
        Assert.True(answer.Error == error, $"Expected the error {error} at the client, came to {stop}");
        ExpectParameters(stop, request, "error", "error_description");
        ExpectDestination(stop, request);
        // RFC 6749 section 4.1.2.1: %x20-21 / %x23-5B / %x5D-7E.
        Assert.All(answer.ErrorDescription!, character => Assert.True(character is >= ' ' and <= '~' and not ('"' or '\\'), $"{(int)character} in {answer.ErrorDescription}"));
        return answer.ErrorDescription!;
    }

    /// <summary>A page for the person that leads nowhere by itself; its status says that the request is at fault.</summary>
    public static Stop ExpectErrorPage(this Stop stop, HttpStatusCode status = HttpStatusCode.BadRequest)
    {
        Assert.False(stop.IsAtClient, $"Redirected to {stop}");
        Assert.True(stop.Status == status, $"Expected an error page, came to {stop}");
        Assert.Equal("text/html", stop.Response!.Content.Headers.ContentType?.MediaType);
        Assert.Null(stop.Response.Headers.Location);
        Assert.Null(stop.Form);
        Assert.Empty(stop.Document!.QuerySelectorAll("meta[http-equiv], script, iframe"));
        Assert.StartsWith("Error:", stop.Title, StringComparison.Ordinal);
        return stop;
    }

    /// <summary>The login page.</summary>
    public static Stop ExpectLogin(this Stop stop)
    {
        Assert.True(stop is { IsAtClient: false, Status: HttpStatusCode.OK } && stop.Has("password") && stop.Has("username"), $"Expected the login page, came to {stop}");
        return stop;
    }

    /// <summary>The consent page.</summary>
    public static Stop ExpectConsent(this Stop stop)
    {
        Assert.True(
            stop is { IsAtClient: false, Status: HttpStatusCode.OK } && stop.Has("decision", "allow") && stop.Has("decision", "deny"),
            $"Expected the consent page, came to {stop}");
        return stop;
    }

    /// <summary>The page on which a person says as whom to go on.</summary>
    public static Stop ExpectAccountChoice(this Stop stop)
    {
        Assert.True(stop is { IsAtClient: false, Status: HttpStatusCode.OK } && stop.Has("account", "other"), $"Expected the account choice, came to {stop}");
        return stop;
    }

    private static void ExpectParameters(Stop stop, AuthorizationRequest request, params string[] names)
    {
        var answer = stop.Answer;
        var state = string.IsNullOrEmpty(request.State) ? null : request.State;
        Assert.Equal(state, answer.State);
        Assert.Equal(request.Endpoint[..^"/authorize".Length], answer.Issuer);
        var registered = System.Web.HttpUtility.ParseQueryString(new Uri(request["redirect_uri"] ?? "https://none.example").Query).AllKeys;
        string[] expected = [.. names, .. state is null ? Array.Empty<string>() : ["state"], "iss"];
        Assert.Equal(expected.Order(), answer.Parameters.Keys.Except(registered).Union(["iss"]).Order());
    }

    private static void ExpectDestination(Stop stop, AuthorizationRequest request)
    {
        if (request["redirect_uri"] is not { } redirectUri) return;
        if (request["response_mode"] == "form_post") Assert.Equal(redirectUri, stop.Form!.GetAttribute("action"));
        else Assert.StartsWith(redirectUri + (redirectUri.Contains('?', StringComparison.Ordinal) ? "&" : "?"), stop.Url.OriginalString, StringComparison.Ordinal);
        Assert.Empty(stop.Url.Fragment);
    }
}
