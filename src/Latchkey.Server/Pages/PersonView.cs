namespace Latchkey.Server.Pages;

/// <summary>A person as pages show them.</summary>
public sealed record PersonView
{
    /// <summary>Takes what is known of a person.</summary>
    /// <param name="name">The name they go by.</param>
    /// <param name="detail">What tells two people of one name apart: the email address, else the username.</param>
    public PersonView(string name, string? detail = null)
    {
        Name = Shown.Shorten(name);
        Detail = detail is null || detail == name ? null : Shown.Shorten(detail, 160);
    }

    /// <summary>The name, at most 80 characters.</summary>
    public string Name { get; }

    /// <summary>What tells two people of one name apart; null if the name is all there is.</summary>
    public string? Detail { get; }

    /// <summary>The surest thing to know them by: the detail, else the name.</summary>
    public string Handle => Detail ?? Name;

    /// <summary>What stands in for a picture.</summary>
    public string Initials => Shown.Initials(Name, 2);
}
