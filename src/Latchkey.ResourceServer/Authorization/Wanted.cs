using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.Authorization;

/// <summary>What the endpoint of a request wants of the caller's token, and which of it the token lacks: what a challenge is made of.</summary>
internal sealed class Wanted
{
    /// <summary>An endpoint that says nothing of scopes and sign-ins.</summary>
    public static readonly Wanted Nothing = new();

    public List<string> Scopes { get; } = [];

    public List<string> AcrValues { get; } = [];

    /// <summary>Seconds.</summary>
    public long? MaxAge { get; private set; }

    public bool LacksScope { get; set; }

    /// <summary>Not the right sign-in, or too long ago.</summary>
    public bool LacksAuthentication { get; set; }

    /// <summary>Nobody signed in for it at all.</summary>
    public bool LacksUser { get; set; }

    public static Wanted Of(HttpContext context)
    {
        if (context.Features.Get<Wanted>() is { } wanted) return wanted;
        context.Features.Set(wanted = new Wanted());
        return wanted;
    }

    public void AddScopes(IEnumerable<string> scopes) => Scopes.AddRange(scopes.Except(Scopes));

    public void AddAcrValues(IEnumerable<string> values) => AcrValues.AddRange(values.Except(AcrValues));

    public void AddMaxAge(long seconds) => MaxAge = MaxAge is { } present ? Math.Min(present, seconds) : seconds;
}
