namespace Latchkey.Server.Profiles;

/// <summary>How bad something is.</summary>
public enum Severity
{
    /// <summary>Good to know.</summary>
    Note,

    /// <summary>Works, but falls short of what is recommended.</summary>
    Warning,

    /// <summary>Breaks a rule: refused where it is declared, or dangerous.</summary>
    Error,
}

/// <summary>What falls short of a rule.</summary>
/// <param name="Rule">The rule's name, which stays the same from version to version.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Subject">What it is about, such as <c>client web</c>, <c>settings</c> or <c>resource https://api.example.com</c>.</param>
/// <param name="Setting">The setting or member that it is about, by its name; null if there is none.</param>
/// <param name="Says">What is not so, as a clause.</param>
/// <param name="Section">Where the rule stands; null for one of Latchkey's own.</param>
/// <param name="Mend">What to do, as a clause.</param>
/// <param name="Profile">The name of the rule's profile; null for a rule that is for every server.</param>
public sealed record Finding(string Rule, Severity Severity, string Subject, string? Setting, string Says, string? Section, string Mend, string? Profile)
{
    /// <summary>One sentence that names the setting, the rule's section and the mend.</summary>
    public string ToSentence() =>
        $"{(Setting is null ? "" : Setting + ": ")}{Says}{(Profile is null ? "" : $", as the profile {Profile} demands")}{(Section is null ? "" : $" ({Section})")}; {Mend}.";
}
